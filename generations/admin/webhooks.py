"""Webhooks to clients, to be read."""

import json

from django.contrib import admin
from django.utils.safestring import SafeString

from accounts.models import WebhookDelivery
from platform_site.admin.base import ReadOnlyAdmin
from platform_site.admin.shown import (
    badge_of,
    bare_url,
    clean,
    clean_json,
    link_to_reference,
    linked,
    moment,
)
from platform_site.admin.typed import display

_STATE_LABELS = {
    WebhookDelivery.State.PENDING: "info",
    WebhookDelivery.State.DELIVERED: "success",
    WebhookDelivery.State.GIVEN_UP: "danger",
}


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """One message to one URL. Registered here: only this domain knows what `reference` names."""

    list_display = (
        moment("created_at"),
        "event",
        linked("team"),
        "shown_url",
        "shown_state",
        "attempts",
        "response_status",
        moment("next_attempt_at"),
        "shown_reference",
    )
    list_filter = ("state", "event", "response_status", "team")
    list_select_related = ("team", "endpoint")
    search_fields = ("reference", "event", "team__name")
    date_hierarchy = "created_at"
    fields = (
        "id",
        "team",
        "endpoint",
        "event",
        "shown_reference",
        "shown_url",
        "shown_state",
        "attempts",
        "next_attempt_at",
        "response_status",
        "shown_note",
        "created_at",
        "delivered_at",
        "shown_body",
    )
    unsearchable = ("body",)

    @display(description="URL")
    def shown_url(self, delivery: WebhookDelivery) -> str:
        """Return where it goes, without the query, in which clients put secrets."""
        return bare_url(delivery.url)

    @display(description="state", ordering="state")
    def shown_state(self, delivery: WebhookDelivery) -> SafeString:
        """Return the state in colour."""
        return badge_of(delivery, "state", _STATE_LABELS)

    @display(description="generation", ordering="reference")
    def shown_reference(self, delivery: WebhookDelivery) -> str | SafeString:
        """Return what it was about, as a link."""
        return link_to_reference(f"generation:{delivery.reference}")

    @display(description="answer")
    def shown_note(self, delivery: WebhookDelivery) -> str:
        """Return what the receiver said, cleaned."""
        return clean(delivery.response_note)

    @display(description="body")
    def shown_body(self, delivery: WebhookDelivery) -> str | SafeString:
        """Return the message; its links to films lose their tokens."""
        try:
            return clean_json(json.loads(delivery.body))
        except ValueError:
            return clean(delivery.body)
