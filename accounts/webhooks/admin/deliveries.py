"""Webhook deliveries: read-only, and sent again."""

import json

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.models import WebhookAttempt, WebhookDelivery
from accounts.people import by_of
from accounts.subject_columns import SubjectNames, subject_column
from accounts.webhooks.outbox import send_again
from platform_site.admin.base import ReadOnlyAdmin, ReadOnlyInline
from platform_site.admin.services import ConfirmForm, ServiceAdmin
from platform_site.admin.shown import (
    EMPTY,
    address,
    badge_of,
    clean,
    clean_json,
    linked,
    moment,
)
from platform_site.admin.typed import action, display

_STATE_LABELS = {
    WebhookDelivery.State.PENDING: "info",
    WebhookDelivery.State.DELIVERED: "success",
    WebhookDelivery.State.GIVEN_UP: "danger",
}


class _ShownAttempt:
    """What an attempt's own page and its delivery's page both show."""

    @display(description="problem")
    def shown_problem(self, attempt: WebhookAttempt) -> str:
        """Return why there was no answer; without a duration nobody knows."""
        cut_short = attempt.duration_ms is None
        return clean(attempt.problem) or ("In progress, or interrupted" if cut_short else EMPTY)

    @display(description="answer")
    def shown_snippet(self, attempt: WebhookAttempt) -> str:
        """Return the start of the answer, cleaned."""
        return clean(attempt.snippet) or EMPTY

    @display(description="headers sent")
    def shown_headers(self, attempt: WebhookAttempt) -> str | SafeString:
        """Return what was sent; whoever has a signature could send the message on."""
        masked = {"webhook-signature": "…"} if attempt.headers else {}
        return clean_json({**attempt.headers, **masked})


class AttemptInline(_ShownAttempt, ReadOnlyInline):
    """Each attempt and what was answered."""

    model = WebhookAttempt
    verbose_name_plural = "attempts"
    ordering = ("-number",)
    fields = (
        "number",
        moment("at"),
        "status",
        "duration_ms",
        "shown_problem",
        "shown_snippet",
        "shown_headers",
    )


@admin.register(WebhookAttempt)
class WebhookAttemptAdmin(_ShownAttempt, ReadOnlyAdmin):
    """Every attempt of every delivery."""

    list_display = (
        moment("at"),
        linked("delivery"),
        "number",
        "status",
        "duration_ms",
        "shown_problem",
    )
    list_filter = ("status",)
    list_select_related = ("delivery",)
    date_hierarchy = "at"
    ordering = ("-id",)
    fields = (
        "delivery",
        "number",
        "at",
        "status",
        "duration_ms",
        "shown_problem",
        "shown_snippet",
        "shown_headers",
    )
    unsearchable = ("body", "headers", "snippet")


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(SubjectNames, ServiceAdmin):
    """One message to one URL."""

    list_display = (
        moment("created_at"),
        "event",
        linked("team"),
        "shown_state",
        "attempts",
        "response_status",
        moment("next_attempt_at"),
        "shown_subject",
        "host",
    )
    list_filter = ("state", "event", "subject_kind", "response_status", "team")
    list_select_related = ("team", "endpoint")
    search_fields = ("subject_id", "event", "team__name")
    date_hierarchy = "created_at"
    fields = (
        "id",
        "team",
        "endpoint",
        "event",
        "shown_subject",
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
    unsearchable = ("body", "headers", "snippet")
    inlines = (AttemptInline,)
    actions_detail = ("again",)

    @display(description="URL")
    def shown_url(self, delivery: WebhookDelivery) -> SafeString:
        """Return where it goes, without the query, in which clients put secrets."""
        return address(delivery.url)

    @display(description="state", ordering="state")
    def shown_state(self, delivery: WebhookDelivery) -> SafeString:
        """Return the state in colour."""
        return badge_of(delivery, "state", _STATE_LABELS)

    shown_subject = subject_column(label="about")

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

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: events make them."""
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: WebhookDelivery | None = None
    ) -> bool:
        """Refuse: what was signed is not changed."""
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: WebhookDelivery | None = None
    ) -> bool:
        """Refuse: they are deleted after a month."""
        return False

    @action(
        description="Send again",
        icon="replay",
        permissions=["operate"],
        dialog={
            "title": "Send this event again?",
            "description": "It is sent now under its own ID, and retried for up to one day.",
            "form_class": ConfirmForm,
            "form_submit_text": "Send again",
        },
    )
    def again(self, request: HttpRequest, _form: ConfirmForm, object_id: str) -> HttpResponse:
        """Send it again."""

        def work(delivery: WebhookDelivery) -> str:
            send_again(delivery, by=by_of(request), now=timezone.now())
            return f"{delivery.event} is being sent again."

        return self.run_on(request, object_id, work)
