"""The admin's first page: sums, states, and what needs a person; only what permissions show."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.models import WebhookDelivery
from billing.models import Account
from billing.overview import books_of_all, spent_by_day, wallets_below_mark
from generations.admin.provider_keys import why_paused
from generations.lifecycle import State
from generations.models import Approval, Discrepancy, Film, Generation, ProviderKey
from generations.reconciliation import open_discrepancies
from generations.reports import (
    BackgroundWork,
    background_work,
    count_by_state,
    failing_webhooks,
    films_at_risk,
    first_and_count,
    needing_review,
    paused_keys,
    waiting_approvals,
)
from platform_site.admin.shown import address, clean, link_to, link_to_subject, seconds_ago

Row = TypeVar("Row", bound=Model)

DAYS = 14
ROWS = 5
# In the order of the life cycle; needs_review first, because it waits for a person.
_STATES = (
    State.NEEDS_REVIEW,
    State.AWAITING_APPROVAL,
    State.QUEUED,
    State.SUBMITTING,
    State.PROCESSING,
    State.COMPLETED,
    State.FAILED,
    State.CANCELLED,
)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the person may see to the first page's context."""
    now = timezone.now()
    context["title"] = "Overview"
    sections: dict[str, tuple[str, Callable[[datetime], Any]]] = {
        "money": ("billing.view_account", _money),
        "states": ("generations.view_generation", _states),
        "background": ("django_q.view_ormq", _background),
    }
    panels: tuple[tuple[str, Callable[[datetime], dict[str, Any]]], ...] = (
        ("generations.view_generation", _review),
        ("generations.view_approval", _waiting),
        ("billing.view_account", _low),
        ("generations.view_providerkey", _paused),
        ("generations.view_discrepancy", _discrepancies),
        ("generations.view_film", _at_risk),
        ("accounts.view_webhookdelivery", _failing),
    )
    user = request.user
    for name, (permission, build) in sections.items():
        context[name] = build(now) if user.has_perm(permission) else None
    context["panels"] = [build(now) for permission, build in panels if user.has_perm(permission)]
    return context


def _money(now: datetime) -> dict[str, Any]:
    books = books_of_all()
    by_day = spent_by_day(days=DAYS, now=now)
    chart = {
        "labels": [f"{day:%d %b}" for day, _ in by_day],
        "datasets": [
            {
                "label": "Credits spent",
                "data": [credits for _, credits in by_day],
                "backgroundColor": "var(--color-primary-600)",
                "displayYAxis": True,
                "maxBarThickness": 28,
                "borderRadius": 4,
            }
        ],
    }
    url = _list("billing_account")
    sums = (
        ("Available", books.available, f"{url}?kind__exact=wallet"),
        ("Held", books.held, f"{_list('billing_hold')}?open=yes"),
        ("Spent", books.spent, f"{_list('billing_transfer')}?kind__exact=settle"),
        ("Granted", books.granted, f"{_list('billing_transfer')}?kind__exact=grant"),
    )
    return {
        "sums": sums,
        "chart": json.dumps(chart),
        "total": sum(c for _, c in by_day),
        "days": DAYS,
    }


def _states(_now: datetime) -> list[dict[str, Any]]:
    counts = count_by_state()
    url = _list("generations_generation")
    return [
        {
            "title": state.label,
            "count": counts[state],
            "url": f"{url}?state__exact={state.value}",
            "asks": state == State.NEEDS_REVIEW and counts[state] > 0,
        }
        for state in _STATES
    ]


def _background(now: datetime) -> list[dict[str, Any]]:
    state = background_work(now=now)
    lost = f"{_list('generations_film')}?state__exact=given_up"
    clusters, beats = _list("platform_site_cluster"), _list("platform_site_heartbeat")
    facts = (
        ("Clusters running", _at_work(state), clusters, state.is_short_of_clusters),
        ("Last sweep", seconds_ago(state.sweep_age), beats, state.is_sweep_late),
        ("Background queue", f"{state.waiting:,}", _list("django_q_ormq"), False),
        ("Failed jobs, last 24 h", f"{state.failed_today:,}", _list("django_q_failure"), None),
        ("Films lost, last 24 h", f"{state.lost_films:,}", lost, None),
    )
    return [
        {"title": title, "value": value, "url": url, "asks": value != "0" if asks is None else asks}
        for title, value, url, asks in facts
    ]


def _at_work(state: BackgroundWork) -> str:
    count = len(state.clusters)
    return f"{count - len(state.silent)} of {count}" if state.silent else str(count)


def _review(now: datetime) -> dict[str, Any]:
    def row(generation: Generation) -> Sequence[Any]:
        age = seconds_ago((now - generation.created_at).total_seconds())
        return link_to(generation), generation.team, generation.get_review_reason_display(), age

    return _panel(
        "Needs review",
        ("Generation", "Team", "Reason", "Submitted"),
        needing_review(),
        row,
        f"{_list('generations_generation')}?state__exact=needs_review",
        "Nothing to review.",
    )


def _waiting(now: datetime) -> dict[str, Any]:
    def row(approval: Approval) -> Sequence[Any]:
        generation = approval.generation
        left = max(0.0, (approval.expires_at - now).total_seconds())
        about = link_to(approval, text=str(generation))
        return about, generation.team, f"{generation.credits:,}", f"{left / 3600:.1f} h"

    return _panel(
        "Awaiting approval",
        ("Generation", "Team", "Credits", "Expires in"),
        waiting_approvals(),
        row,
        f"{_list('generations_approval')}?decision__exact=open",
        "Nothing to approve.",
    )


def _low(_now: datetime) -> dict[str, Any]:
    def row(wallet: Account) -> Sequence[Any]:
        return link_to(wallet.team), f"{wallet.balance:,}", f"{wallet.low_at:,}"

    return _panel(
        "Low wallets",
        ("Team", "Available", "Alert below"),
        wallets_below_mark(),
        row,
        f"{_list('billing_account')}?low=yes",
        "No wallet is low.",
    )


def _discrepancies(now: datetime) -> dict[str, Any]:
    def row(discrepancy: Discrepancy) -> Sequence[Any]:
        age = seconds_ago((now - discrepancy.opened_at).total_seconds())
        return link_to(discrepancy), discrepancy.provider_key, discrepancy.provider_key.team, age

    return _panel(
        "Open discrepancies",
        ("Discrepancy", "Provider key", "Team", "Opened"),
        open_discrepancies(),
        row,
        f"{_list('generations_discrepancy')}?closed_at__isempty=1",
        "The vendor’s usage matches our books.",
    )


def _paused(_now: datetime) -> dict[str, Any]:
    def row(key: ProviderKey) -> Sequence[Any]:
        waiting: int = key.waiting  # type: ignore[attr-defined]  # annotated by the selector
        return link_to(key), key.team, why_paused(key), waiting

    return _panel(
        "Paused provider keys",
        ("Provider key", "Team", "Reason", "Queued generations"),
        paused_keys(),
        row,
        f"{_list('generations_providerkey')}?state__exact=paused",
        "No provider key is paused.",
    )


def _at_risk(now: datetime) -> dict[str, Any]:
    def row(film: Film) -> Sequence[Any]:
        ends = film.link_expires_at
        left = max(0.0, (ends - now).total_seconds()) if ends else None
        words = "–" if left is None else f"{left / 3600:.1f} h"
        return link_to(film), film.generation.team, clean(film.problem), words

    return _panel(
        "Films at risk",
        ("Film", "Team", "Problem", "Link expires in"),
        films_at_risk(),
        row,
        f"{_list('generations_film')}?state__exact=pending",
        "No film is at risk.",
    )


def _failing(_now: datetime) -> dict[str, Any]:
    def row(delivery: WebhookDelivery) -> Sequence[Any]:
        answer = delivery.response_status or clean(delivery.response_note)[:60] or "–"
        about = link_to_subject(delivery.subject_kind, delivery.subject_id)
        return link_to(delivery, text=delivery.event), about, address(delivery.url), answer

    return _panel(
        "Failing webhooks",
        ("Event", "About", "URL", "Answer"),
        failing_webhooks(),
        row,
        f"{_list('accounts_webhookdelivery')}?state__in=given_up,pending",
        "No webhook is failing.",
    )


def _panel(  # noqa: PLR0917  # one call a panel, in the order of the page
    title: str,
    headers: Sequence[str],
    found: QuerySet[Row],
    row: Callable[[Row], Sequence[Any]],
    url: str,
    calm: str,
) -> dict[str, Any]:
    first, count = first_and_count(found, limit=ROWS)
    return {
        "title": title,
        "table": {"headers": headers, "rows": [row(one) for one in first]},
        "count": count,
        "url": url,
        "calm": calm,
    }


def _list(name: str) -> str:
    return reverse(f"admin:{name}_changelist")
