"""Set and lift spend limits, counting what was held and spent before they were there."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, Team
from billing.ledger import MAX_CREDITS, open_accounts
from billing.models import Account, Hold, HoldWindow, SpendLimit, SpendWindow
from billing.selectors import site_zone
from billing.subjects import LimitHolder, Subject
from billing.windows import Window, window_start
from platform_site.db.remembered import fresh_version
from platform_site.errors import Conflict, InvalidRequest

_TRIES = 10


class _Changed(Exception):
    """Something moved between reading the limit and its holds and stopping admissions."""


def set_limit(
    holder: LimitHolder,
    *,
    window: str,
    credits: int | None,
    by: By,
    earlier: QuerySet[Hold] | None = None,
) -> SpendLimit | None:
    """Cap what `holder` may hold and spend in one `window`, in credits; None lifts the cap.

    A new limit counts the holder's `earlier` holds that fall into the current window, so that a
    daily limit set at noon knows the morning. Raises `PermissionDenied` as `LimitHolder.require`
    does, `InvalidRequest` for an unknown window or an amount that is no whole number >= 0, and
    `Conflict` when the team is too busy to be counted.
    """
    holder.require(by)
    if window not in Window.values:
        raise InvalidRequest(
            f"{window!r} is not one of {', '.join(Window.values)}.", field="window"
        )
    if credits is not None and (type(credits) is not int or not 0 <= credits <= MAX_CREDITS):
        raise InvalidRequest(
            f"Enter a whole number of credits from 0 to {MAX_CREDITS:,}.", field="credits"
        )
    place = {
        "subject_kind": holder.subject.kind,
        "subject_id": holder.subject.id,
        "window": window,
    }
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                return _set(holder.team, place, credits, by, earlier)
        except _Changed:
            continue
    raise Conflict("The team submits too fast for this limit to be counted; try again.")


def _set(
    team: Team,
    place: dict[str, Any],
    credits: int | None,
    by: By,
    earlier: QuerySet[Hold] | None,
) -> SpendLimit | None:
    existing = SpendLimit.objects.filter(**place).first()
    holds = Hold.objects.none()
    if credits is not None and existing is None and earlier is not None:
        starts_at = window_start(place["window"], timezone.now(), site_zone())
        holds = earlier.filter(team=team, created_at__gte=starts_at)
    counted = _locked(holds)
    _stop_admissions(team, existing)
    if SpendLimit.objects.filter(**place).first() != existing:
        raise _Changed
    limit = None
    if credits is None:
        SpendLimit.objects.filter(**place).delete()
    elif existing is not None:
        SpendLimit.objects.filter(pk=existing.pk).update(credits=credits)
        existing.credits = credits
        limit = existing
    else:
        limit = SpendLimit.objects.create(**place, credits=credits)
        _count_earlier(limit, [*counted, *_locked_late(holds, counted)])
    record(
        by=by,
        action=AuditAction.SPEND_LIMIT_SET,
        team=team,
        subject=Subject(place["subject_kind"], place["subject_id"]),
        window=place["window"],
        credits=credits,
    )
    return limit


def _locked(holds: QuerySet[Hold]) -> list[Hold]:
    """Lock holds, so that none closes or is corrected before it counts under the new limit."""
    return list(holds.order_by("id").select_for_update())


def _stop_admissions(team: Team, existing: SpendLimit | None) -> None:
    """Lock as every writer does, windows before the wallet, and outdate what admissions read."""
    if existing is not None:
        list(SpendWindow.objects.filter(limit=existing).order_by("id").select_for_update())
    open_accounts(team)
    Account.objects.filter(team=team, kind=Account.Kind.WALLET).update(
        limits_version=fresh_version()
    )


def _locked_late(holds: QuerySet[Hold], counted: list[Hold]) -> list[Hold]:
    """Lock what was admitted between locking the earlier holds and stopping admissions.

    Out of order, so without waiting: raises `_Changed` when one of them is closing right now.
    """
    late = set(holds.values_list("pk", flat=True)).difference(hold.pk for hold in counted)
    locked = list(Hold.objects.filter(pk__in=late).select_for_update(skip_locked=True))
    if len(locked) < len(late):
        raise _Changed
    return locked


def _count_earlier(limit: SpendLimit, holds: list[Hold]) -> None:
    """Count each hold in the window that it was taken in (P07)."""
    zone = site_zone()
    windows: dict[datetime, SpendWindow] = {}
    links = []
    for hold in holds:
        starts_at = window_start(limit.window, hold.created_at, zone)
        window = windows.setdefault(starts_at, SpendWindow(limit=limit, starts_at=starts_at))
        window.held += hold.amount if hold.is_open else 0
        window.spent += hold.spent
        links.append(HoldWindow(hold=hold, window=window))
    SpendWindow.objects.bulk_create(windows.values())
    HoldWindow.objects.bulk_create(links)
