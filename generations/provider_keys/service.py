"""Vault provider keys, pause and resume them, and seal them when they are deleted."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, Team, User
from accounts.people import name_of
from generations.lifecycle import LATE_WATCH, TERMINAL, Ending
from generations.models import Film, Generation, PauseReason, ProviderKey
from generations.provider_keys.alerts import notify_key_paused
from generations.provider_keys.send_rate import next_send_at
from generations.provider_keys.vault import needs_rotation, reveal, rotated, seal
from generations.provider_keys.wakeup import wake_dispatch
from generations.selectors import require_provider_key
from generations.vendors import (
    DEFAULT_VENDOR,
    ProviderClient,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RefusalKind,
    UnknownVendor,
    vendor_named,
)
from platform_site.backoff import Backoff
from platform_site.errors import Conflict, ErrorCode, InvalidRequest
from platform_site.logs import redact
from platform_site.secrets.cipher import CipherError
from platform_site.text.visible import bare_secret, typed_reason, visible_line

log = structlog.get_logger(__name__)

MOST_IN_FLIGHT = 10_000
MOST_PER_MINUTE = 60_000
_PROBES = Backoff(first=timedelta(seconds=2), last=timedelta(minutes=15))
_NOT_PAUSED: dict[str, Any] = {
    "pause_reason": "",
    "pause_code": "",
    "pause_note": "",
    "probe_problem": "",
    "next_probe_at": None,
}


def client_for(provider_key: ProviderKey) -> ProviderClient:
    """Return a client that speaks with this key at the endpoint it pins (P25).

    Nothing was sent when it raises: `ProviderRefused` for a key that was deleted and wiped,
    `ProviderUnavailable` for one that does not open, which an operator can mend (VAULT_KEYS), or
    whose vendor this version does not have.
    """
    if not provider_key.secret_token:
        raise ProviderRefused(
            status=401,
            code=ErrorCode.INVALID_API_KEY,
            message="The provider key was deleted.",
            kind=RefusalKind.KEY,
        )
    try:
        secret = reveal(provider_key)
    except CipherError as error:
        log.exception("provider_key_does_not_open", provider_key=provider_key.pk)
        raise ProviderUnavailable("The provider key does not open.") from error
    try:
        vendor = vendor_named(provider_key.vendor)
    except UnknownVendor as error:
        log.exception("provider_key_without_vendor", provider_key=provider_key.pk)
        raise ProviderUnavailable("The provider key's vendor is not known.") from error
    return vendor.client(endpoint=provider_key.endpoint, secret=secret)


def add_provider_key(
    *,
    team: Team,
    owner: User | None,
    secret: str,
    label: str,
    by: By,
    vendor: str = DEFAULT_VENDOR,
) -> ProviderKey:
    """Vault a person's own key, or without an `owner` the team's; the key is never shown again.

    It is pinned to the address that its vendor names for it. Raises `PermissionDenied`,
    `InvalidRequest` for a key that cannot be one, and `Conflict` when there is one already.
    """
    require_provider_key(by, ProviderKey(team=team, owner=owner))
    secret = bare_secret(secret)
    problem = vendor_named(vendor).key_problem(secret)
    if problem:
        raise InvalidRequest(problem, field="secret")
    terms = vendor_named(vendor).key_terms(secret)
    key = ProviderKey(
        team=team,
        owner=owner,
        vendor=vendor,
        label=redact(visible_line(label)) or terms.label,
        endpoint=terms.endpoint,
        last4=secret[-4:],
        max_in_flight=terms.max_in_flight,
    )
    try:
        with transaction.atomic():
            key.save(force_insert=True)
            # The cipher binds the token to the row's id, which exists only after the insert.
            key.secret_token = seal(key, secret)
            key.save(update_fields=["secret_token"])
            record(
                by=by,
                action=AuditAction.PROVIDER_KEY_ADDED,
                team=team,
                subject=key,
            )
    except IntegrityError:
        raise Conflict(
            "There is already a provider key here. Delete it first.", field="secret"
        ) from None
    return key


@transaction.atomic
def delete_provider_key(provider_key: ProviderKey, *, by: By) -> None:
    """Seal a key: nothing new is submitted with it, and it is wiped after its last generation.

    What was submitted before is pinned to it, by its price and its limits, and is still sent with
    it (P25). What the vendor turns away then ends and is released: nobody will mend the key.
    Raises `PermissionDenied`.
    """
    require_provider_key(by, provider_key)
    ProviderKey.objects.filter(pk=provider_key.pk).update(
        state=ProviderKey.State.SEALED, **_NOT_PAUSED
    )
    record(
        by=by,
        action=AuditAction.PROVIDER_KEY_DELETED,
        team=provider_key.team,
        subject=provider_key,
    )
    wipe_sealed_keys()
    wake_dispatch()  # it may have been paused


def wipe_sealed_keys() -> int:
    """Forget the secrets of sealed keys that no generation needs any more; return how many.

    A film that is not kept yet needs it too: a new link is asked for with its key. So does a
    generation that a person ended, while the vendor's own answer, or its id, is looked for.
    """
    seeks_id = Q(
        ending=Ending.DECIDED_IN_REVIEW,
        upstream_id=None,
        ended_at__gt=timezone.now() - LATE_WATCH,
    )
    busy = Generation.objects.filter(
        ~Q(state__in=TERMINAL)
        | Q(film__state=Film.State.PENDING)
        | Q(next_poll_at__isnull=False)
        | seeks_id
    ).values("provider_key")
    return (
        ProviderKey.objects.filter(state=ProviderKey.State.SEALED)
        .exclude(secret_token="")
        .exclude(pk__in=busy)
        .update(secret_token="")
    )


def pause_provider_key(provider_key: ProviderKey, *, reason: str, by: By) -> bool:
    """Stop sending with a key as a person decides; its generations stay queued (P36).

    Only `resume_provider_key` ends it. False when it was paused already. Raises
    `PermissionDenied`.
    """
    require_provider_key(by, provider_key)
    reason = typed_reason(reason) or "No reason given."
    pause = {"pause_reason": PauseReason.BY_HAND, "pause_note": reason[:300]}
    return _pause(provider_key, pause, words=reason, by=by)


def pause_refused_key(provider_key: ProviderKey, refusal: ProviderRefused) -> bool:
    """Stop sending with a key that the vendor turned away; its generations stay queued (P36).

    A probe tests it after two seconds, then with longer waits. False when it was paused already.
    """
    pause = {
        "pause_reason": PauseReason.REFUSED,
        "pause_code": refusal.code[:60],
        "pause_note": redact(refusal.message)[:300],
        "next_probe_at": timezone.now() + _PROBES.after(provider_key.probes + 1),
        # Not counted from this object: others may have paused the key since it was read.
        "probes": F("probes") + 1,
    }
    words = f"{refusal.code}: {refusal.message}"
    return _pause(provider_key, pause, words=redact(words), by=By.system("submit"))


def resume_provider_key(provider_key: ProviderKey, *, by: By, now: datetime) -> bool:
    """Send with a paused key again, from its queued generations on. False when it was not paused.

    Raises `PermissionDenied`.
    """
    require_provider_key(by, provider_key)
    paused = ProviderKey.objects.filter(pk=provider_key.pk, state=ProviderKey.State.PAUSED)
    return _resume(paused, provider_key, by=by, now=now)


def probe_provider_key(provider_key_id: int) -> None:
    """Ask the vendor whether a key that it refused works again, by its usage, which costs nothing.

    Why the key is paused stays as it is; a person's pause is left alone.
    """
    turned_away = ProviderKey.objects.filter(
        pk=provider_key_id, state=ProviderKey.State.PAUSED
    ).exclude(pause_reason=PauseReason.BY_HAND)
    key = turned_away.first()
    if key is None:
        return
    try:
        client_for(key).get_credits()
    except ProviderError as error:
        turned_away.update(
            next_probe_at=timezone.now() + _PROBES.after(key.probes + 1),
            probes=key.probes + 1,
            probe_problem=error.message[:300],
        )
    else:
        _resume(turned_away, key, by=By.system("probe"), now=timezone.now())


def hold_back_key(provider_key: ProviderKey, *, reason: str, now: datetime) -> bool:
    """Send nothing with a key for a while that doubles with each failure in a row.

    `provider_key` is the row as it was when the failed send was claimed: of many that fail at
    once the first one counts, and the others change nothing and get False.
    """
    failures = provider_key.send_failures + 1
    until = next_send_at(
        provider_key.next_send_at, per_minute=provider_key.per_minute, failures=failures, now=now
    )
    claimed_as = ProviderKey.objects.filter(
        pk=provider_key.pk, send_failures=provider_key.send_failures
    )
    held = claimed_as.update(send_failures=failures, next_send_at=until)
    if held:
        log.warning("provider_key_held_back", provider_key=provider_key.pk, reason=reason)
    return bool(held)


def note_key_works(provider_key: ProviderKey, *, now: datetime) -> None:
    """Forget past trouble once the vendor accepted a generation that was claimed in spite of it."""
    if not provider_key.probes and not provider_key.send_failures:
        return
    ProviderKey.objects.filter(pk=provider_key.pk).update(
        probes=0,
        send_failures=0,
        next_send_at=next_send_at(None, per_minute=provider_key.per_minute, failures=0, now=now),
    )
    wake_dispatch()  # it may have been another dispatch's


@transaction.atomic
def set_send_rate(
    provider_key: ProviderKey, *, max_in_flight: int, per_minute: int | None, by: By
) -> None:
    """Set how many generations a key may have at the vendor at once, and how many it sends a
    minute.

    None sends as quickly as the vendor takes them. Raises `PermissionDenied`, `InvalidRequest`, or
    `Conflict` for a deleted key. What is at the vendor already stays there, also above a lower cap.
    """
    require_provider_key(by, provider_key)
    if type(max_in_flight) is not int or not 1 <= max_in_flight <= MOST_IN_FLIGHT:
        raise InvalidRequest(
            f"Enter a whole number from 1 to {MOST_IN_FLIGHT:,}.", field="max_in_flight"
        )
    if per_minute is not None and (
        type(per_minute) is not int or not 1 <= per_minute <= MOST_PER_MINUTE
    ):
        raise InvalidRequest(
            f"Enter a whole number from 1 to {MOST_PER_MINUTE:,}, or leave it empty.",
            field="per_minute",
        )
    kept = ProviderKey.objects.filter(pk=provider_key.pk).exclude(state=ProviderKey.State.SEALED)
    changes: dict[str, Any] = {"max_in_flight": max_in_flight, "per_minute": per_minute}
    if per_minute != provider_key.per_minute and not provider_key.send_failures:
        changes["next_send_at"] = None  # it was reckoned by the earlier rate
    if not kept.update(**changes):
        raise Conflict("This key was deleted.")
    record(
        by=by,
        action=AuditAction.PROVIDER_KEY_SEND_RATE_SET,
        team=provider_key.team,
        subject=provider_key,
        max_in_flight=max_in_flight,
        per_minute=per_minute,
    )
    provider_key.max_in_flight, provider_key.per_minute = max_in_flight, per_minute
    wake_dispatch()


def rotate_vault() -> int:
    """Reseal every secret with the current vault key; return how many. May run twice."""
    count = 0
    for key in ProviderKey.objects.exclude(secret_token=""):
        if needs_rotation(key):
            earlier = key.secret_token
            # Only if nobody wiped it in between.
            count += ProviderKey.objects.filter(pk=key.pk, secret_token=earlier).update(
                secret_token=rotated(key)
            )
    return count


@transaction.atomic
def _pause(provider_key: ProviderKey, pause: dict[str, Any], *, words: str, by: By) -> bool:
    paused = ProviderKey.objects.filter(pk=provider_key.pk, state=ProviderKey.State.ACTIVE).update(
        state=ProviderKey.State.PAUSED, **pause
    )
    if paused:
        event = record(
            by=by,
            action=AuditAction.PROVIDER_KEY_PAUSED,
            team=provider_key.team,
            subject=provider_key,
            reason=words,
        )
        provider_key.refresh_from_db(fields=["probes", "next_probe_at", "pause_reason"])
        notify_key_paused(
            provider_key,
            reason=pause["pause_note"] or words,
            by=name_of(by.name),
            pause=event.pk,
            now=event.at,
        )
        log.warning("provider_key_paused", provider_key=provider_key.pk, reason=words)
    return bool(paused)


@transaction.atomic
def _resume(
    paused: QuerySet[ProviderKey], provider_key: ProviderKey, *, by: By, now: datetime
) -> bool:
    resumed = paused.update(
        state=ProviderKey.State.ACTIVE,
        **_NOT_PAUSED,
        send_failures=0,
        next_send_at=next_send_at(None, per_minute=provider_key.per_minute, failures=0, now=now),
    )
    if resumed:
        record(
            by=by,
            action=AuditAction.PROVIDER_KEY_RESUMED,
            team=provider_key.team,
            subject=provider_key,
        )
        wake_dispatch()
    return bool(resumed)
