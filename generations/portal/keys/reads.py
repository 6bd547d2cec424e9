"""Reads for the keys' page: where a key's meter and our books came apart, and the films meant."""

from dataclasses import dataclass
from uuid import UUID

from accounts.models import Membership
from accounts.roles import role_allows
from accounts.selectors import require
from generations.models import Drift, Generation, ProviderKey
from generations.reconciliation.reads import KeyStanding, open_drifts, standings
from generations.selectors import generations_of, permission_over
from platform_site.errors import NotFound


@dataclass(frozen=True, slots=True)
class ShownDrift:
    """An open drift with the films that it may come from."""

    drift: Drift
    films: list[Generation]

    @property
    def size(self) -> int:
        """Return the credits without their sign."""
        return abs(self.drift.credits)


@dataclass(frozen=True, slots=True)
class Meter:
    """How one key's meter stands against our books; `may_accept` who may close its drifts."""

    standing: KeyStanding
    drifts: list[ShownDrift]
    may_accept: bool

    @property
    def key(self) -> ProviderKey:
        """Return the key."""
        return self.standing.provider_key


def meters_for(membership: Membership) -> dict[int, Meter]:
    """Return the meters of the keys that the person sees, by the keys' ids."""
    mine = [one for one in standings(membership.team) if _sees(membership, one.provider_key)]
    named = {text for one in mine for drift in one.drifts for text in drift.candidates}
    films = generations_of(membership.team).filter(pk__in=[*filter(None, map(_uuid, named))])
    by_id = {str(film.pk): film for film in films}
    return {
        one.provider_key.pk: Meter(
            one,
            [
                ShownDrift(drift, [by_id[text] for text in drift.candidates if text in by_id])
                for drift in one.drifts
            ],
            may_accept=role_allows(membership.role, permission_over(one.provider_key)),
        )
        for one in mine
    }


def drift_for(membership: Membership, drift_id: int) -> Drift:
    """Return an open drift that the person may close.

    Raises `NotFound` alike for unknown ones and strangers' (P32), `PermissionDenied` for a shared
    key's to people who do not manage it.
    """
    drift = open_drifts(membership.team).filter(pk=drift_id).first()
    if drift is None or not _sees(membership, drift.provider_key):
        raise NotFound
    require(membership, permission_over(drift.provider_key))
    return drift


def _sees(membership: Membership, key: ProviderKey) -> bool:
    return key.is_shared or key.owner_id == membership.user_id


def _uuid(text: str) -> UUID | None:
    """Return the id of a generation; a drift may also name keys, by number."""
    try:
        return UUID(text)
    except ValueError:
        return None
