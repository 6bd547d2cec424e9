"""Find what a command's arguments name: a team, and at most one scope in it."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.models import ApiKey, Membership, Project, Team
from generations.limits.service import Target
from generations.models import ProviderKey

_HELP = {
    "member": "a member's e-mail address",
    "api_key": "an API key's name",
    "project": "a project's slug",
    "provider_key": "the last four characters of a provider key",
}


def add_scope_arguments(parser: CommandParser, *scopes: str) -> None:
    """Declare `--member`, `--api-key` and so on; none of them means the team itself."""
    group = parser.add_mutually_exclusive_group()
    for scope in scopes:
        group.add_argument(f"--{scope.replace('_', '-')}", help=_HELP[scope])


def find_team(slug: str) -> Team:
    """Return the team, or end the command with a sentence."""
    team = Team.objects.filter(slug=slug).first()
    if team is None:
        raise CommandError(f"There is no team {slug!r}.")
    return team


def find_target(team: Team, options: dict[str, Any]) -> Target:
    """Return the one scope that the options name, or the team; ambiguous names end the command."""
    candidates: dict[str, Any] = {
        "member": Membership.objects.filter(team=team, user__email__iexact=options.get("member")),
        "api_key": ApiKey.objects.filter(team=team, label=options.get("api_key"), deleted_at=None),
        "project": Project.objects.filter(team=team, slug=options.get("project")),
        "provider_key": ProviderKey.objects.filter(
            team=team, last4=options.get("provider_key")
        ).exclude(state=ProviderKey.State.SEALED),
    }
    for scope, found in candidates.items():
        if options.get(scope) is not None:
            targets: list[Target] = list(found[:2])
            if len(targets) != 1:
                many = "more than one" if targets else "no"
                name = options[scope]
                raise CommandError(f"There is {many} {scope.replace('_', ' ')} {name!r} in {team}.")
            return targets[0]
    return team


def whole_number(text: str) -> int | None:
    """Return a number of credits, or None for the word none."""
    if text == "none":
        return None
    if not text.isdecimal():
        raise CommandError(f"{text!r} is neither a whole number of credits nor none.")
    return int(text)
