"""Reads for the keys' page: discrepancies between a key's usage and our books, and their films."""

from dataclasses import dataclass
from uuid import UUID

from accounts.models import Membership
from accounts.roles import role_allows
from accounts.selectors import require
from generations.models import Discrepancy, Generation, ProviderKey
from generations.reconciliation import KeyStanding, open_discrepancies, standings
from generations.selectors import generations_of, permission_over
from platform_site.errors import NotFound


@dataclass(frozen=True, slots=True)
class ShownDiscrepancy:
    """An open discrepancy with the films that it may come from."""

    discrepancy: Discrepancy
    films: list[Generation]

    @property
    def size(self) -> int:
        """Return the credits without their sign."""
        return abs(self.discrepancy.credits)


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """How one key's usage stands against our books, and whether its discrepancies may be closed."""

    standing: KeyStanding
    discrepancies: list[ShownDiscrepancy]
    may_accept: bool

    @property
    def key(self) -> ProviderKey:
        """Return the key."""
        return self.standing.provider_key


def usage_for(membership: Membership) -> dict[int, KeyUsage]:
    """Return the usage of the keys that the person sees, by the keys' ids."""
    mine = [one for one in standings(membership.team) if _sees(membership, one.provider_key)]
    named = {
        text for one in mine for discrepancy in one.discrepancies for text in discrepancy.candidates
    }
    films = generations_of(membership.team).filter(pk__in=[*filter(None, map(_uuid, named))])
    by_id = {str(film.pk): film for film in films}
    return {
        one.provider_key.pk: KeyUsage(
            one,
            [
                ShownDiscrepancy(
                    discrepancy, [by_id[text] for text in discrepancy.candidates if text in by_id]
                )
                for discrepancy in one.discrepancies
            ],
            may_accept=role_allows(membership.role, permission_over(one.provider_key)),
        )
        for one in mine
    }


def discrepancy_for(membership: Membership, discrepancy_id: int) -> Discrepancy:
    """Return an open discrepancy that the person may close.

    Raises `NotFound` alike for unknown ones and strangers' (P32), `PermissionDenied` for a shared
    key's to people who do not manage it.
    """
    discrepancy = open_discrepancies(membership.team).filter(pk=discrepancy_id).first()
    if discrepancy is None or not _sees(membership, discrepancy.provider_key):
        raise NotFound
    require(membership, permission_over(discrepancy.provider_key))
    return discrepancy


def _sees(membership: Membership, key: ProviderKey) -> bool:
    return key.is_shared or key.owner_id == membership.user_id


def _uuid(text: str) -> UUID | None:
    """Return the id of a generation; a discrepancy may also name keys, by number."""
    try:
        return UUID(text)
    except ValueError:
        return None
