"""Create API keys, recognise them, and take them away."""

import hashlib
import secrets
from datetime import date, datetime, timedelta
from ipaddress import ip_address, ip_network

from django.db import connection, transaction
from django.utils import timezone

from accounts.api_keys.lookup import FoundKey, find_key
from accounts.audit import record
from accounts.authority import By
from accounts.errors import InvalidApiKey, IpNotAllowed, RateLimitExceeded
from accounts.models import ApiKey, AuditAction, Membership, Team, User
from accounts.roles import Permission
from platform_site.errors import Conflict, InvalidRequest
from platform_site.logs import KEY_SIGNS, redact
from platform_site.rates import Rate
from platform_site.text.visible import visible_line

KEY_START = "sk-"
# A "task-…" is an id, and an alarm that names one must name it whole.
KEY_PATTERN = rf"(?<!ta){KEY_START}{KEY_SIGNS}"
MAX_NETWORKS = 10  # as the vendor's keys
MAX_REQUESTS_PER_MINUTE = 1_000_000
MAX_LABEL_CHARACTERS = 80
MOST_KEYS = 50  # of a person in a team, deleted ones aside
# A minute in each process, of a key that has no rate of its own.
USUAL_RATE = Rate(3_000)
# A minute in each process, of one address: programs with a key that has ended ask forever.
WRONG_KEYS = Rate(60)
LAST_DAY = date(2999, 12, 31)  # on which a key may expire; later ones overflow in some zones
TOO_FAR = "Choose a day before the year 3000, or none for no expiry."
_PREFIX_LENGTH = 12
_SECRET_BYTES = 32
_COUNT = """
UPDATE accounts_apikey
SET minute_requests = CASE WHEN minute = %s THEN minute_requests + 1 ELSE 1 END, minute = %s
WHERE id = %s AND requests_per_minute > 0
  AND (minute <> %s OR minute_requests < requests_per_minute)
"""
# Writing every use would make each call a write; a minute is exact enough for people.
_LAST_USED_EVERY = timedelta(minutes=1)


@transaction.atomic
def create_api_key(
    *,
    team: Team,
    owner: User,
    label: str,
    by: By,
    expires_at: datetime | None = None,
    allowed_networks: list[str] | None = None,
    requests_per_minute: int | None = None,
) -> tuple[ApiKey, str]:
    """Create a key and return it with its text, which is shown once and stored nowhere.

    Raises `PermissionDenied`, and `InvalidRequest` when the owner is not in the team, a network
    does not parse, the requests a minute are no sensible number, or the key would be expired or
    work beyond `LAST_DAY`; `Conflict` for one key too many.
    """
    _require(by, owner.pk, team.pk)
    if expires_at is not None and expires_at.year > LAST_DAY.year:
        raise InvalidRequest(TOO_FAR, field="expires_on")
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidRequest("Choose a day that is not over yet.", field="expires_on")
    # Locked: of two keys that are made at once, one may be one too many.
    if not Membership.objects.select_for_update().filter(team=team, user=owner):
        raise InvalidRequest(f"{owner} is not a member of {team}.", field="owner")
    if ApiKey.objects.filter(team=team, owner=owner, deleted_at=None).count() >= MOST_KEYS:
        raise Conflict(
            f"{owner.get_full_name()} has {MOST_KEYS} API keys, the most one person can have in "
            "a team. Delete an unused one first."
        )
    networks = normal_networks(allowed_networks or [])
    if not 0 <= (requests_per_minute or 0) <= MAX_REQUESTS_PER_MINUTE:
        raise InvalidRequest(
            f"Enter 0 to {MAX_REQUESTS_PER_MINUTE:,} requests per minute.",
            field="requests_per_minute",
        )
    prefix = secrets.token_hex(_PREFIX_LENGTH // 2)
    text = f"{KEY_START}{prefix}{secrets.token_urlsafe(_SECRET_BYTES)}"
    key = ApiKey.objects.create(
        team=team,
        owner=owner,
        label=redact(visible_line(label))[:MAX_LABEL_CHARACTERS] or "API key",
        prefix=prefix,
        digest=_digest(text),
        last4=text[-4:],
        expires_at=expires_at,
        allowed_networks=networks,
        requests_per_minute=requests_per_minute,
    )
    record(by=by, action=AuditAction.API_KEY_CREATED, team=team, subject=key)
    return key, text


@transaction.atomic
def set_enabled(*, api_key: ApiKey, enabled: bool, by: By) -> None:
    """Switch a key on or off. Raises `PermissionDenied`."""
    _require(by, api_key.owner_id, api_key.team_id)
    ApiKey.objects.filter(pk=api_key.pk).update(enabled=enabled)
    action = AuditAction.API_KEY_ENABLED if enabled else AuditAction.API_KEY_DISABLED
    record(by=by, action=action, team=api_key.team, subject=api_key)


@transaction.atomic
def delete_api_key(*, api_key: ApiKey, by: By) -> None:
    """Delete a key, which cannot be undone; its row stays, because generations name it.

    Raises `PermissionDenied`.
    """
    _require(by, api_key.owner_id, api_key.team_id)
    ApiKey.objects.filter(pk=api_key.pk, deleted_at=None).update(
        deleted_at=timezone.now(), enabled=False
    )
    record(by=by, action=AuditAction.API_KEY_DELETED, team=api_key.team, subject=api_key)


def authenticate_api_key(
    text: str, *, client_ip: str, now: datetime, is_counted: bool = True
) -> FoundKey:
    """Return the live key whose text this is, and count its use in the key's minute.

    A use that is not counted is refused all the same when the minute has no room.

    Raises `InvalidApiKey`, `IpNotAllowed` or `RateLimitExceeded`, also for wrong keys of an address
    that has sent many. The digest is compared in
    constant time; the prefix only finds the row.
    """
    prefix = text[len(KEY_START) : len(KEY_START) + _PREFIX_LENGTH]
    found = find_key(prefix) if text.startswith(KEY_START) and prefix.isalnum() else None
    key = found.key if found else None
    stored = key.digest if key else "0" * 64
    is_right = secrets.compare_digest(stored, _digest(text))
    if found is None or key is None or not is_right or not _is_live(key, now):
        if is_counted and not WRONG_KEYS.take(client_ip, now=now):
            raise RateLimitExceeded(
                "Too many requests with wrong keys, please slow down.",
                details=WRONG_KEYS.details(now),
            )
        raise InvalidApiKey
    _check_network(key, client_ip)
    if is_counted:
        _count_request(key, now)
    elif not _has_room(key, now):
        raise _too_many(key, now)
    return found


def normal_networks(entries: list[str]) -> list[str]:
    """Return the entries as normal CIDRs. Raises `InvalidRequest` naming the bad one."""
    if len(entries) > MAX_NETWORKS:
        raise InvalidRequest(
            f"Enter at most {MAX_NETWORKS} IPs or CIDRs.", field="allowed_networks"
        )
    networks = []
    for entry in entries:
        try:
            networks.append(str(ip_network(entry.strip(), strict=False)))
        except ValueError:
            raise InvalidRequest(
                f"{entry!r} is neither an IP address nor a CIDR.", field="allowed_networks"
            ) from None
    return networks


def _require(by: By, owner_id: int, team_id: int) -> None:
    by.require_over(owner_id, own=Permission.OWN_KEYS, others=Permission.TEAM_KEYS, team_id=team_id)


def _digest(text: str) -> str:
    # The secret has 256 bits of its own, so a plain hash is as good as a slow one.
    return hashlib.sha256(text.encode()).hexdigest()


def _is_live(key: ApiKey, now: datetime) -> bool:
    if key.deleted_at is not None or not key.enabled or not key.owner.is_active:
        return False
    return key.expires_at is None or key.expires_at > now


def _check_network(key: ApiKey, client_ip: str) -> None:
    if not key.allowed_networks:
        return
    try:
        address = ip_address(client_ip)
    except ValueError:
        raise IpNotAllowed from None
    if not any(address in ip_network(entry) for entry in key.allowed_networks):
        raise IpNotAllowed


def _count_request(key: ApiKey, now: datetime) -> None:
    """Count this request in the key's minute and note its use, each by one conditional UPDATE."""
    if key.requests_per_minute is None:
        if not USUAL_RATE.take(key.pk, now=now):
            raise _too_many(key, now)
    else:
        minute = _minute_of(now)
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [minute, minute, key.pk, minute])
            if not cursor.rowcount:
                raise _too_many(key, now)
    if key.last_used_at is None or now - key.last_used_at > _LAST_USED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def _has_room(key: ApiKey, now: datetime) -> bool:
    if key.requests_per_minute is None:
        return USUAL_RATE.has_room(key.pk, now=now)
    used = key.minute_requests if key.minute == _minute_of(now) else 0
    return used < key.requests_per_minute


def _too_many(key: ApiKey, now: datetime) -> RateLimitExceeded:
    details = USUAL_RATE.details(now)
    if key.requests_per_minute is not None:
        details["limit"] = key.requests_per_minute
    return RateLimitExceeded(details=details)


def _minute_of(now: datetime) -> int:
    return int(now.timestamp()) // 60
