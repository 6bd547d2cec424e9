"""Find what a command's arguments name: a team, and at most one scope in it."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.models import Team
from generations.limits import SHOWN_SCOPES, LimitTarget, Scope


def add_scope_arguments(parser: CommandParser, scopes: Iterable[Scope[Any]]) -> None:
    """Declare `--member`, `--api-key` and so on; none of them means the team itself."""
    group = parser.add_mutually_exclusive_group()
    for scope in scopes:
        if scope.argument:
            group.add_argument(f"--{scope.slug.replace('_', '-')}", help=scope.argument)


def find_team(slug: str) -> Team:
    """Return the team, or end the command with an error."""
    team = Team.objects.filter(slug=slug).first()
    if team is None:
        raise CommandError(f"There is no team {slug!r}.")
    return team


def find_target(team: Team, options: dict[str, Any]) -> LimitTarget:
    """Return the one scope that the options name, or the team; ambiguous names end the command."""
    for scope in SHOWN_SCOPES:
        name = options.get(scope.slug) if scope.argument else None
        if name is not None:
            targets: list[LimitTarget] = list(islice(scope.named(team, name), 2))
            if len(targets) != 1:
                many = "more than one" if targets else "no"
                what = scope.slug.replace("_", " ")
                raise CommandError(f"There is {many} {what} {name!r} in {team}.")
            return targets[0]
    return team


def whole_number(text: str) -> int | None:
    """Return a number of credits, or None for the word none."""
    if text == "none":
        return None
    if not text.isdecimal():
        raise CommandError(f"{text!r} is neither a whole number of credits nor none.")
    return int(text)
