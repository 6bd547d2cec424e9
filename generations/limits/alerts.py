"""Notify people that a limit, a wallet or a provider key needs them, once a reason."""

from datetime import datetime

import structlog
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string

from accounts.models import NoticeKind, User
from accounts.notices import notify
from accounts.roles import Permission
from accounts.webhooks import BudgetThreshold, WalletLow, publish_event
from billing.alerts import Crossing, crossings, low_wallets
from billing.models import Account
from billing.selectors import books_of
from billing.services.alerts import claim_low_wallet, claim_thresholds, rearm_wallets
from generations.limits.scopes.base import Capped
from generations.limits.scopes.registry import capped_by, subject_of

log = structlog.get_logger(__name__)

# Where in the portal each kind of notice leads.
LIMITS_PATH = "/budgets/#limits"
WALLET_PATH = "/budgets/#wallet"

_PERIODS = {
    "hour": "hourly",
    "day": "daily",
    "week": "weekly",
    "month": "monthly",
    "total": "total",
}


def raise_spend_alerts(*, now: datetime) -> int:
    """Notify of each limit that reached a threshold and each wallet that ran low; return how many.

    Cheap when there is nothing to say; meant to be called every few seconds, by anybody at once.
    """
    rearm_wallets()
    told = 0
    for crossing in crossings(now=now):
        try:
            told += _notify_crossing(crossing, now=now)
        except IntegrityError:
            continue  # the limit was removed at the same moment
    for wallet in low_wallets()[:100]:
        told += _notify_low_wallet(wallet, now=now)
    return told


@transaction.atomic
def _notify_crossing(crossing: Crossing, *, now: datetime) -> bool:
    """Tell of the highest threshold reached, in the transaction that marks all of them."""
    ours = claim_thresholds(crossing.window, crossing.thresholds, now=now)
    if not ours:
        return False
    limit, threshold = crossing.window.limit, ours[-1]
    capped = capped_by(subject_of(limit))
    if capped is None:
        log.warning("spend_alert_without_scope", limit=limit.pk, scope=limit.subject_kind)
        return False
    once = f"budget.threshold:{crossing.window.pk}:{threshold}"
    title = f"{capped.name}: {threshold}% of the {_PERIODS[limit.window]} limit used"
    event = _event(crossing, threshold, capped)
    words = {
        **event.payload(),
        "period": _PERIODS[limit.window],
        "resets_at": crossing.resets_at,
    }
    body = render_to_string("generations/mail/budget_threshold.txt", words)
    for audience in capped.scope.audience(capped):
        whom = f"user:{audience.pk}" if isinstance(audience, User) else audience.name
        notify(
            team=capped.team,
            audience=audience,
            kind=NoticeKind.BUDGET_THRESHOLD,
            title=title,
            body=body,
            key=f"{once}:{whom}",
            path=LIMITS_PATH,
            subject=limit,
            now=now,
        )
    publish_event(event, team=capped.team, subject_id=limit.pk, once=once, now=now)
    return True


def _event(crossing: Crossing, threshold: int, capped: Capped) -> BudgetThreshold:
    window, limit = crossing.window, crossing.window.limit
    return BudgetThreshold(
        scope=limit.subject_kind,
        name=capped.name,
        window=limit.window,
        threshold=threshold,
        limit=limit.credits,
        used=crossing.used,
        spent=window.spent,
        held=window.held,
        left=max(0, limit.credits - crossing.used),
        window_starts_at=int(window.starts_at.timestamp()),
        resets_at=int(crossing.resets_at.timestamp()) if crossing.resets_at else None,
        raised_by=capped.scope.raised_by(capped.team, capped.owner),
    )


@transaction.atomic
def _notify_low_wallet(wallet: Account, *, now: datetime) -> bool:
    if not claim_low_wallet(wallet, now=now):
        return False
    team, books = wallet.team, books_of(wallet.team)
    once = f"wallet.low:{team.pk}:{now.isoformat()}"
    event = WalletLow(
        available=books.available,
        held=books.held,
        spent=books.spent,
        low_at=wallet.low_at,
    )
    notify(
        team=team,
        audience=Permission.LIMITS,
        kind=NoticeKind.WALLET_LOW,
        title=f"Wallet low: {books.available:,} credits left",
        body=render_to_string("generations/mail/wallet_low.txt", {**event.payload(), "team": team}),
        key=once,
        path=WALLET_PATH,
        subject=team,
        now=now,
    )
    publish_event(event, team=team, subject_id=team.pk, once=once, now=now)
    return True
