"""Who the opaque subjects of spend limits are: the reading side of `subjects_of`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Manager, Model

from accounts.models import ApiKey, Membership, Team
from billing.ledger import Subject
from billing.models import SpendLimit
from generations.models import ProviderKey

_KEYS: tuple[tuple[str, Manager[Any]], ...] = (
    ("api_key", ApiKey.objects),
    ("provider_key", ProviderKey.objects),
)


@dataclass(frozen=True, slots=True)
class NamedSubject:
    """A subject's team and row; None when the row is gone."""

    team: Team | None
    row: Model | None


def name_subjects(limits: Iterable[SpendLimit]) -> dict[Subject, NamedSubject]:
    """Return who each limit's subject is, in at most one query a kind."""
    wanted: dict[str, set[str]] = {}
    for limit in limits:
        wanted.setdefault(limit.subject_kind, set()).add(limit.subject_id)
    found: dict[Subject, NamedSubject] = {}
    for team in Team.objects.filter(pk__in=_numbers(wanted.get("team", ()))):
        found[Subject("team", str(team.pk))] = NamedSubject(team, team)
    for kind, keys in _KEYS:
        rows = keys.filter(pk__in=_numbers(wanted.get(kind, ()))).select_related("team")
        for row in rows:
            found[Subject(kind, str(row.pk))] = NamedSubject(row.team, row)
    people = [pair.partition(":") for pair in wanted.get("member", ())]
    memberships = Membership.objects.filter(
        team__in=_numbers(team for team, _, _ in people),
        user__in=_numbers(user for _, _, user in people),
    )
    for member in memberships.select_related("team", "user"):
        subject = Subject("member", f"{member.team_id}:{member.user_id}")
        found[subject] = NamedSubject(member.team, member)
    return found


def subject_of(limit: SpendLimit) -> Subject:
    """Return the limit's subject."""
    return Subject(limit.subject_kind, limit.subject_id)


def _numbers(ids: Iterable[str]) -> set[int]:
    return {int(one) for one in ids if one.isdecimal()}
