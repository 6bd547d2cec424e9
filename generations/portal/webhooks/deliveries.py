"""What was posted to the team's systems: the log, and one message with all of its tries."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.models import WebhookDelivery
from accounts.roles import Permission
from accounts.selectors import webhook_deliveries_for
from accounts.webhooks import ABOUT_TASKS, EVENTS, EndpointTest, TaskEvent, send_again
from generations.portal.access import MemberRequest, acting_member, member_required
from generations.portal.post_only import post_only
from platform_site.errors import DailiesError

PAGE = 30
# A try that is due so soon is awaited by the page.
_SOON = timedelta(seconds=12)


class DeliveryFilter(forms.Form):
    """Which deliveries are listed."""

    state = forms.ChoiceField(
        required=False, choices=[("", "All"), *WebhookDelivery.State.choices], label="State"
    )
    event = forms.ChoiceField(
        required=False,
        choices=[
            ("", "All"),
            *((name, name) for name in (*TaskEvent, *EVENTS)),
        ],
        label="Event",
    )


@require_GET
@member_required(Permission.TEAM_KEYS)
def index(request: MemberRequest) -> HttpResponse:
    """List everything that was posted, callbacks of tasks included."""
    context = {
        "filters": DeliveryFilter(request.GET),
        **page_of(webhook_deliveries_for(request.membership), request.GET),
    }
    return render(request, "webhooks/deliveries.html", context)


@require_GET
@member_required(Permission.TEAM_KEYS)
def show(request: MemberRequest, delivery_id: UUID) -> HttpResponse:
    """Show one message; a fragment's request gets what changes while it is tried."""
    template = "webhooks/_delivery.html" if request.htmx else "webhooks/delivery.html"
    return render(request, template, _context(_delivery_of(request, delivery_id)))


@post_only("webhook_delivery", "delivery_id")
@member_required(Permission.TEAM_KEYS)
def again(request: MemberRequest, delivery_id: UUID) -> HttpResponse:
    """Post a message again, and show what comes of it."""
    delivery = _delivery_of(request, delivery_id)
    try:
        send_again(delivery, by=acting_member(request), now=timezone.now())
    except DailiesError as error:
        context = _context(delivery) | {"error": error}
        return render(request, "webhooks/delivery.html", context)
    return redirect("webhook_delivery", delivery.pk)


def page_of(rows: QuerySet[WebhookDelivery], asked: QueryDict) -> dict[str, Any]:
    """Return a page of `rows` as the query string filters it, and how to ask for the next one."""
    rows = _before(rows, asked.get("before", ""))
    for name, field in DeliveryFilter.base_fields.items():
        value = asked.get(name, "")
        if value and isinstance(field, forms.ChoiceField) and field.valid_value(value):
            rows = rows.filter(**{name: value})
    page = list(rows.order_by("-created_at", "-id")[: PAGE + 1])
    more = None
    if len(page) > PAGE:
        query = asked.copy()
        query["before"] = str(page[PAGE - 1].pk)
        more = query.urlencode()
    return {
        "deliveries": page[:PAGE],
        "more": more,
        "is_first": not asked.get("before"),
        "is_filtered": bool(asked.get("state") or asked.get("event")),
    }


def _before(rows: QuerySet[WebhookDelivery], text: str) -> QuerySet[WebhookDelivery]:
    """Return what is older than the row named; all of them when it names none of these."""
    try:
        last = rows.filter(pk=UUID(text)).first()
    except ValueError:
        return rows
    if last is None:
        return rows
    # The plain bound is what the index answers; the other takes out the rest of that moment.
    older = rows.filter(created_at__lte=last.created_at)
    return older.exclude(created_at=last.created_at, id__gte=last.id)


def _delivery_of(request: MemberRequest, delivery_id: UUID) -> WebhookDelivery:
    return get_object_or_404(webhook_deliveries_for(request.membership), pk=delivery_id)


def _context(delivery: WebhookDelivery) -> dict[str, Any]:
    now, at = timezone.now(), delivery.next_attempt_at
    under_way = delivery.claimed_until is not None and delivery.claimed_until > now
    return {
        "delivery": delivery,
        "tries": delivery.attempt_log.order_by("-number"),
        "body": _readable(delivery.body),
        "about_task": delivery.subject_kind in ABOUT_TASKS,
        "under_way": under_way,
        "is_live": under_way or (at is not None and at <= now + _SOON),
        "can_send": delivery.endpoint is None
        or (
            delivery.endpoint.removed_at is None
            and (delivery.endpoint.enabled or delivery.event == EndpointTest.event_name)
        ),
    }


def _readable(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
