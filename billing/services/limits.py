"""Set and lift spend limits, counting what was held and spent before they were there."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.actor import Actor
from accounts.models import Team
from accounts.services.audit import record
from billing.ledger import MAX_CREDITS, open_accounts
from billing.models import Account, Hold, HoldWindow, SpendLimit, SpendWindow
from billing.selectors import site_zone
from billing.subjects import Subject
from billing.windows import Window, window_start
from platform_site.errors import Conflict, InvalidRequest

_TRIES = 5


class _NewHolds(Exception):
    """A hold was admitted between locking the earlier ones and stopping admissions."""


def set_limit(
    *,
    team: Team,
    subject: Subject,
    window: str,
    credits: int | None,
    actor: Actor,
    earlier: QuerySet[Hold] | None = None,
) -> SpendLimit | None:
    """Cap what `subject` may hold and spend in one `window`, in credits; None lifts the cap.

    A new limit counts the subject's `earlier` holds that fall into the current window, so that a
    daily limit set at noon knows the morning. Raises `InvalidRequest` for an unknown window or an
    amount that is no whole number >= 0, and `Conflict` when the team is too busy to be counted.
    """
    if window not in Window.values:
        raise InvalidRequest(
            f"{window!r} is not one of {', '.join(Window.values)}.", field="window"
        )
    if credits is not None and not 0 <= credits <= MAX_CREDITS:
        raise InvalidRequest("A limit is a whole number of credits, 0 or more.", field="credits")
    place = {"subject_kind": subject.kind, "subject_id": subject.id, "window": window}
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                return _set(team, place, credits, actor, earlier)
        except _NewHolds:
            continue
    raise Conflict("The team submits too fast for this limit to be counted; try again.")


def _set(
    team: Team,
    place: dict[str, Any],
    credits: int | None,
    actor: Actor,
    earlier: QuerySet[Hold] | None,
) -> SpendLimit | None:
    now = timezone.now()
    starts_at = window_start(place["window"], now, site_zone())
    existing = SpendLimit.objects.filter(**place).first()
    holds = Hold.objects.none()
    if credits is not None and existing is None and earlier is not None:
        # A settled hold counts in the window it was taken in (P07).
        holds = earlier.filter(team=team, created_at__gte=starts_at)
    locked = _lock_open(holds)
    _stop_admissions(team, existing)
    limit = None
    if credits is None:
        SpendLimit.objects.filter(**place).delete()
    elif existing is not None:
        SpendLimit.objects.filter(pk=existing.pk).update(credits=credits)
        existing.credits = credits
        limit = existing
    else:
        limit = SpendLimit.objects.create(**place, credits=credits)
        _count_earlier(limit, starts_at, holds, locked)
    record(
        actor=actor,
        action="spend_limit.set",
        team=team,
        subject=f"{place['subject_kind']}:{place['subject_id']}",
        window=place["window"],
        credits=credits,
    )
    return limit


def _lock_open(holds: QuerySet[Hold]) -> set[Any]:
    """Lock the open holds, so that none closes before it counts under the new limit."""
    return {hold.pk for hold in holds.filter(closed_at=None).order_by("id").select_for_update()}


def _stop_admissions(team: Team, existing: SpendLimit | None) -> None:
    """Lock as every writer does, windows before the wallet, and outdate what admissions read."""
    if existing is not None:
        list(SpendWindow.objects.filter(limit=existing).order_by("id").select_for_update())
    open_accounts(team)
    Account.objects.filter(team=team, kind=Account.Kind.WALLET).update(
        limits_version=F("limits_version") + 1
    )


def _count_earlier(
    limit: SpendLimit, starts_at: datetime, holds: QuerySet[Hold], locked: set[Any]
) -> None:
    counted = list(holds)
    if any(hold.is_open and hold.pk not in locked for hold in counted):
        raise _NewHolds
    if not counted:
        return
    window = SpendWindow.objects.create(
        limit=limit,
        starts_at=starts_at,
        held=sum(hold.amount for hold in counted if hold.is_open),
        spent=sum(hold.spent for hold in counted),
    )
    HoldWindow.objects.bulk_create([HoldWindow(hold=hold, window=window) for hold in counted])
