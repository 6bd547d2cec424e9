"""Find an API key by what a caller sends, with all that a request needs of it, in one statement."""

from dataclasses import dataclass

from django.db import connection

from accounts.models import ApiKey, Membership, Team, User
from platform_site.db.catalogue import CATALOGUE_VERSION
from platform_site.db.columns import Columns

_KEY, _TEAM = Columns(ApiKey, "api_key"), Columns(Team, "team")
_OWNER, _MEMBERSHIP = Columns(User, "owner"), Columns(Membership, "membership")
_TEAM_AT = _KEY.count
_OWNER_AT = _TEAM_AT + _TEAM.count
_MEMBERSHIP_AT = _OWNER_AT + _OWNER.count

_FIND = f"""
SELECT {_KEY.text}, {_TEAM.text}, {_OWNER.text}, {_MEMBERSHIP.text}, {CATALOGUE_VERSION}
FROM accounts_apikey AS api_key
JOIN accounts_team AS team ON team.id = api_key.team_id
JOIN accounts_user AS owner ON owner.id = api_key.owner_id
LEFT JOIN accounts_membership AS membership
  ON membership.team_id = api_key.team_id AND membership.user_id = api_key.owner_id
WHERE api_key.prefix = %s
"""  # noqa: S608  # nothing but the models' own columns


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key with its team and owner, the owner's membership there, None for who left the team, and
    the version of the catalogue at that moment.
    """

    key: ApiKey
    membership: Membership | None
    catalogue_version: int


def find_key(prefix: str) -> FoundKey | None:
    """Return the key whose text begins so, live or not."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [prefix])
        row = cursor.fetchone()
    if row is None:
        return None
    key = _KEY.read(row)
    key.team, key.owner = _TEAM.read(row, start=_TEAM_AT), _OWNER.read(row, start=_OWNER_AT)
    membership = _MEMBERSHIP.read_joined(row, start=_MEMBERSHIP_AT)
    if membership is not None:
        membership.team, membership.user = key.team, key.owner
    return FoundKey(key, membership, row[-1])
