"""Say when people are told about spending, and note that they were."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, Team
from accounts.roles import Permission
from billing.alerts import low_wallets
from billing.ledger import MAX_CREDITS, open_accounts
from billing.models import Account, SpendAlert, SpendLimit, SpendWindow
from billing.subjects import LimitHolder
from platform_site.errors import InvalidRequest, NotFound


@transaction.atomic
def set_alerts(holder: LimitHolder, *, window: str, percents: Iterable[int], by: By) -> SpendLimit:
    """Notify people when so many percent of a limit are held and spent; none of them: never.

    Raises `PermissionDenied` as `LimitHolder.require` does, `InvalidRequest` unless all are whole
    numbers from 1 to 100, and `NotFound` when `holder` has no limit in `window`.
    """
    holder.require(by)
    chosen = list(percents)
    if any(type(one) is not int or not 1 <= one <= 100 for one in chosen):
        raise InvalidRequest("Enter whole percentages from 1 to 100.", field="alert_at")
    subject = holder.subject
    limit: SpendLimit | None = SpendLimit.objects.filter(
        subject_kind=subject.kind, subject_id=subject.id, window=window
    ).first()
    if limit is None:
        raise NotFound("The limit was removed.")
    limit.alert_at = sorted(set(chosen))
    SpendLimit.objects.filter(pk=limit.pk).update(alert_at=limit.alert_at)
    record(
        by=by,
        action=AuditAction.SPEND_LIMIT_ALERTS_SET,
        team=holder.team,
        subject=subject,
        window=window,
        alert_at=limit.alert_at,
    )
    return limit


@transaction.atomic
def set_low_mark(*, team: Team, credits: int, by: By) -> None:
    """Call the team's wallet low below so many available credits; 0 never does.

    Raises `PermissionDenied`, and `InvalidRequest` for anything but a whole number of credits.
    """
    by.require(Permission.LIMITS, team_id=team.pk)
    if type(credits) is not int or not 0 <= credits <= MAX_CREDITS:
        raise InvalidRequest(
            f"Enter a whole number of credits from 0 to {MAX_CREDITS:,}.", field="low_at"
        )
    open_accounts(team)
    Account.objects.filter(team=team, kind=Account.Kind.WALLET).update(low_at=credits)
    record(
        by=by,
        action=AuditAction.WALLET_LOW_MARK_SET,
        team=team,
        subject=team,
        credits=credits,
    )


def claim_thresholds(window: SpendWindow, thresholds: Iterable[int], *, now: datetime) -> list[int]:
    """Mark thresholds of a window as told, in the caller's transaction; return what was not yet.

    The database lets one row in a threshold and window, so that of many callers one tells it.
    """
    ours = []
    # Lowest first by everybody: writers wait for each other, and never in a circle.
    for threshold in sorted(thresholds):
        _, created = SpendAlert.objects.get_or_create(
            window=window, threshold=threshold, defaults={"created_at": now}
        )
        if created:
            ours.append(threshold)
    return ours


def claim_low_wallet(wallet: Account, *, now: datetime) -> bool:
    """Mark a wallet as told to be low; False when another one did, or it is not low any more."""
    return bool(low_wallets().filter(pk=wallet.pk).update(low_since=now))


def rearm_wallets() -> int:
    """Let wallets that are above their mark again be told the next time; return how many."""
    return Account.objects.filter(
        kind=Account.Kind.WALLET, low_since__isnull=False, credits__gte=F("debits") + F("low_at")
    ).update(low_since=None)
