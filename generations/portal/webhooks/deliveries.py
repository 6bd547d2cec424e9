"""What was posted to the team's systems: the log, and one message with all of its attempts."""

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import WebhookDelivery
from accounts.roles import Permission
from accounts.selectors import webhook_deliveries_for
from accounts.webhooks import EVENTS, TaskEvent, send_again
from generations.portal.access import MemberRequest, acting_member, member_required
from generations.portal.feed.versions import Kind, Shown, version_of
from generations.portal.post_only import post_only
from generations.portal.webhooks.reads import delivery_context, delivery_for
from platform_site.errors import DailiesError
from platform_site.web.form_words import PlainForm

PAGE = 30
_STATES = {
    WebhookDelivery.State.PENDING: "Waiting or retrying",
    WebhookDelivery.State.DELIVERED: "Delivered",
    WebhookDelivery.State.GIVEN_UP: "Failed",
}


class DeliveryFilter(PlainForm):
    """Which deliveries are listed."""

    state = forms.ChoiceField(
        required=False, choices=[("", "All"), *_STATES.items()], label="State"
    )
    event = forms.ChoiceField(
        required=False,
        choices=[
            ("", "All"),
            *((name, name) for name in (*TaskEvent, *EVENTS)),
        ],
        label="Event",
    )


@require_safe
@member_required(Permission.TEAM_KEYS)
def index(request: MemberRequest) -> HttpResponse:
    """List everything that was posted, callbacks of tasks included."""
    context = {
        "filters": DeliveryFilter(request.GET),
        **page_of(webhook_deliveries_for(request.membership), request.GET),
    }
    return render(request, "webhooks/deliveries.html", context)


@require_safe
@member_required(Permission.TEAM_KEYS)
def show(request: MemberRequest, delivery_id: UUID) -> HttpResponse:
    """Show one message with all of its attempts."""
    delivery = delivery_for(request.membership, delivery_id)
    return render(request, "webhooks/delivery.html", _context(request, delivery))


@post_only("webhook_delivery", "delivery_id")
@member_required(Permission.TEAM_KEYS)
def again(request: MemberRequest, delivery_id: UUID) -> HttpResponse:
    """Post a message again, and show what comes of it."""
    delivery = delivery_for(request.membership, delivery_id)
    try:
        send_again(delivery, by=acting_member(request), now=timezone.now())
    except DailiesError as error:
        context = _context(request, delivery) | {"error": error}
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


def _context(request: MemberRequest, delivery: WebhookDelivery) -> dict[str, Any]:
    now = timezone.now()
    # The version first: the feed then sends again what changes meanwhile.
    version = version_of(request.membership, Shown(Kind.DELIVERY, row_id=delivery.pk), now=now)
    return delivery_context(delivery, now=now) | {"version": version}
