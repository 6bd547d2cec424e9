"""The teams of a soak: members, keys, credits, limits and endpoints, by the site's own services."""

import secrets
from dataclasses import dataclass

from django.conf import settings

from accounts.authority import By
from accounts.models import Membership, Team, User
from accounts.roles import Role
from accounts.teams.service import create_team, set_role
from accounts.webhooks.endpoints import add_endpoint
from accounts.webhooks.events import chosen_names
from accounts.webhooks.secrets import webhook_secret
from billing.ledger import grant
from billing.services.api_keys import issue_api_key
from billing.services.limits import set_limit
from billing.subjects import LimitHolder, Subject
from generations.approvals.service import set_threshold
from generations.models import ProviderKey
from generations.provider_keys.service import add_provider_key
from tests.soak.plan import (
    ASKING_TEAM,
    ASKS_ABOVE,
    CAPPED_TEAM,
    MEMBERS,
    POOR_TEAM,
    TEAMS,
    Plan,
    demand_of,
)
from tests.soak.webhook_receiver import Receiver

SYSTEM = By("soak", acts_everywhere=True)
PASSWORD = "correct horse battery staple"
OWN_KEY_CAP = 8  # jobs at the vendor at once
_PLENTY = 10_000_000
_POOR_SHARE = 0.75  # of what its jobs cost
_CAPPED_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Seat:
    """A member with an API key."""

    membership: Membership
    api_key: str


@dataclass(frozen=True, slots=True)
class Crew:
    """A team: who submits, who decides, and the vendor's keys with their secrets."""

    team: Team
    seats: tuple[Seat, ...]
    manager_key: str
    provider_keys: dict[int, str]


def settle_in(plan: Plan, receiver: Receiver) -> tuple[Crew, ...]:
    """Create everybody; the third member of each team has a provider key of their own."""
    return tuple(_crew(number, slug, plan, receiver) for number, slug in enumerate(TEAMS))


def _crew(number: int, slug: str, plan: Plan, receiver: Receiver) -> Crew:
    team = create_team(name=f"Studio {slug.title()}", slug=slug, by=SYSTEM)
    credits = _PLENTY
    if number == POOR_TEAM:
        credits = max(1, round(demand_of(plan.jobs, team=number) * _POOR_SHARE))
    grant(team=team, credits=credits, reason="For a soak", by=SYSTEM)
    vaulted = [_vault(team, None)]
    manager = _member(team, "manager", Role.MANAGER)
    seats = []
    for place in range(MEMBERS):
        member = _member(team, f"member{place}", Role.MEMBER)
        cap = None
        if (number, place) == (CAPPED_TEAM, 0):
            demand = demand_of(plan.jobs, team=number, member=place)
            cap = max(1, round(demand * _CAPPED_SHARE))
        _, text = issue_api_key(
            team=team,
            owner=member.user,
            label=f"Key of {member.user.email}",
            by=SYSTEM,
            total=cap,
        )
        seats.append(Seat(member, text))
        if place == MEMBERS - 1:
            vaulted.append(_vault(team, member.user))
            ProviderKey.objects.filter(pk=vaulted[-1][0].pk).update(max_in_flight=OWN_KEY_CAP)
    if number == CAPPED_TEAM:
        limit = round(demand_of(plan.jobs, team=number) * 0.9)
        holder = LimitHolder(team, Subject("team", str(team.pk)))
        set_limit(holder, window="day", credits=max(1, limit), by=SYSTEM)
    if number == ASKING_TEAM:
        set_threshold(team=team, above=ASKS_ABOVE, by=SYSTEM)
    receiver.secrets[slug] = webhook_secret(team)
    add_endpoint(
        team=manager.team,
        url=receiver.url("teams", slug, "events"),
        events=chosen_names(),
        by=SYSTEM,
    )
    _, manager_key = issue_api_key(
        team=team, owner=manager.user, label="Key of the manager", by=SYSTEM
    )
    secrets_by_key = {key.pk: secret for key, secret in vaulted}
    return Crew(team, tuple(seats), manager_key, secrets_by_key)


def _member(team: Team, name: str, role: Role) -> Membership:
    user = User.objects.create_user(f"{name}@{team.slug}.example", PASSWORD, name=name.title())
    return set_role(team=team, user=user, role=role, by=SYSTEM)


def _vault(team: Team, owner: User | None) -> tuple[ProviderKey, str]:
    secret = f"sk-sandbox-{secrets.token_hex(16)}"
    key = add_provider_key(team=team, owner=owner, secret=secret, label="", by=SYSTEM)
    assert key.endpoint == settings.SANDBOX_URL
    return key, secret
