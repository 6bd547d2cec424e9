"""Generations: the request, the credits, the events, what the vendor said, and corrections."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.actors import actor_column
from accounts.people import names_of
from billing.models import Transfer
from generations.admin.films import FILM_LABELS, VERDICT_LABELS
from generations.admin.queue import QueuePages
from generations.admin.reviews import INBOX_COLUMNS, ReviewPages, is_inbox, read_reviews
from generations.lifecycle import IN_FLIGHT, State
from generations.models import Approval, CallbackReceipt, Film, Generation, GenerationEvent
from generations.templatetags.dailies import megabytes
from platform_site.admin.base import ReadOnlyAdmin, ReadOnlyInline
from platform_site.admin.services import ServiceAdmin
from platform_site.admin.shown import (
    EMPTY,
    address,
    badge,
    badge_of,
    clean,
    clean_json,
    link_to,
    linked,
    moment,
    roomy,
    table,
    to_the_second,
    unbroken,
)
from platform_site.admin.typed import display

STATE_LABELS = {
    State.AWAITING_APPROVAL: "warning",
    State.QUEUED: "default",
    State.SUBMITTING: "info",
    State.PROCESSING: "info",
    State.NEEDS_REVIEW: "warning",
    State.COMPLETED: "success",
    State.FAILED: "danger",
    State.CANCELLED: "default",
}


class EventInline(ReadOnlyInline):
    """What happened, in order."""

    model = GenerationEvent
    fields = (
        "shown_at",
        "kind",
        "from_state",
        "to_state",
        "shown_message",
        "shown_actor",
        "upstream_id",
    )
    verbose_name_plural = "events"

    shown_actor = actor_column("actor")

    @display(description="at")
    def shown_at(self, event: GenerationEvent) -> SafeString:
        """Return the second it happened."""
        return to_the_second(event.at)

    @display(description="message")
    def shown_message(self, event: GenerationEvent) -> SafeString:
        """Return the message, cleaned: it may quote the vendor."""
        return roomy(clean(event.message))


class FilmInline(ReadOnlyInline):
    """The film."""

    model = Film
    ordering = ("pk",)
    fields = (
        "shown_state",
        "shown_file",
        "link_expires_at",
        "alarms",
        "attempts",
        "shown_problem",
        "page",
    )
    verbose_name_plural = "film"

    @display(description="state")
    def shown_state(self, film: Film) -> SafeString:
        """Return the state in colour."""
        return badge_of(film, "state", FILM_LABELS)

    @display(description="file")
    def shown_file(self, film: Film) -> str:
        """Return its pixels, frames and size."""
        if film.state != Film.State.KEPT:
            return EMPTY
        size = megabytes(film.size)
        return f"{film.width}×{film.height}, {film.frames} frames, {size}"

    @display(description="problem")
    def shown_problem(self, film: Film) -> SafeString:
        """Return what keeps it from being saved, or how it differs from the request."""
        return roomy(clean(film.problem or film.differs))


class CallbackInline(ReadOnlyInline):
    """The vendor's callbacks."""

    model = CallbackReceipt
    fields = ("received_at", "event", "proposed_id", "shown_verdict", "sent_from")
    verbose_name_plural = "callbacks"

    @display(description="verdict")
    def shown_verdict(self, receipt: CallbackReceipt) -> SafeString:
        """Return the verdict in colour."""
        return badge_of(receipt, "verdict", VERDICT_LABELS)


@admin.register(Generation)
class GenerationAdmin(QueuePages, ReviewPages, ReadOnlyAdmin, ServiceAdmin):
    """One video, from the request to the saved film."""

    list_display = (
        "shown_prompt",
        "shown_state",
        linked("team"),
        linked("user"),
        "shown_request",
        "credits",
        moment("created_at"),
        "shown_seconds",
        "shown_film",
    )
    list_filter = (
        "state",
        "review_reason",
        "film__state",
        "ending",
        "error_code",
        "model",
        "resolution",
        "mode",
        "priority",
        "metadata_differs",
        ("cancel_requested_at", admin.EmptyFieldListFilter),
        "project",
        "team",
    )
    search_fields = (
        "id__startswith",
        "upstream_id",
        "prompt",
        "idempotency_key",
        "user__email",
        "team__name",
    )
    date_hierarchy = "created_at"
    inlines = (EventInline, FilmInline, CallbackInline)
    actions = (
        "look_at_selected",
        "release_selected",
        "settle_selected",
        "cancel_selected",
        "put_first",
        "put_back",
        "put_off",
    )
    actions_detail = (
        "look",
        "adopt",
        "release",
        "settle",
        "cancel",
        "reprioritise",
        "correct_to_spent",
        "correct_to_released",
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "id",
                    "shown_state",
                    "shown_trouble",
                    "ending",
                    "priority",
                    "shown_position",
                    "shown_pending_cancel",
                    "team",
                    "user",
                    "api_key",
                    "provider_key",
                    "project",
                    "shown_approval",
                    "prompt",
                    "shown_request",
                    "credits",
                )
            },
        ),
        (
            "Credits",
            {
                "classes": ("tab",),
                "fields": ("rate", "credits_per_second", "hold", "shown_transfers"),
            },
        ),
        (
            "Request",
            {
                "classes": ("tab",),
                "fields": (
                    "mode",
                    "shown_body",
                    "shown_callback_url",
                    "idempotency_key",
                    "remix_of",
                    "retry_of",
                ),
            },
        ),
        (
            "Vendor",
            {
                "classes": ("tab",),
                "fields": (
                    "upstream_id",
                    "submit_attempts",
                    "next_submit_at",
                    "submitted_at",
                    "accepted_at",
                    "polls",
                    "poll_failures",
                    "next_poll_at",
                    "ended_at",
                    "seed",
                    "metadata_differs",
                    "shown_metadata",
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Generation]:
        """Join what rows name; keep the callback's token in the database."""
        rows: QuerySet[Generation] = super().get_queryset(request)
        return rows.select_related(
            "team",
            "user",
            "film",
            "api_key",
            "provider_key",
            "project",
            "approval",
            "rate",
            "hold",
            "remix_of",
            "retry_of",
        ).defer(
            "callback_token",
            "fingerprint",
            "film__token",
            "film__source_url",
            "approval__token",
            "provider_key__secret_token",
            "api_key__digest",
            "api_key__prefix",
            "team__webhook_secret_token",
            "user__password",
            "remix_of__callback_token",
            "retry_of__callback_token",
        )

    def get_list_display(self, request: HttpRequest) -> Any:
        """Show what is in review as an inbox: with what its evidence means."""
        columns = super().get_list_display(request)
        if not is_inbox(request):
            return columns
        return (columns[0], *INBOX_COLUMNS, linked("provider_key"), *columns[2:4])

    def read_for_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """Read the evidence of an inbox's rows at once."""
        super().read_for_rows(request, rows)
        if is_inbox(request):
            read_reviews(rows)

    def get_fieldsets(self, request: HttpRequest, obj: Generation | None = None) -> Any:
        """Put the evidence of one in review first."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or obj.state != State.NEEDS_REVIEW:
            return fieldsets
        fields = ("shown_advice", "shown_next_look", "shown_since", "shown_timeline")
        return (("Needs review", {"fields": fields}), *fieldsets)

    @display(description="prompt", ordering="prompt")
    def shown_prompt(self, generation: Generation) -> SafeString:
        """Return the start of the prompt."""
        return roomy(generation)

    @display(description="state", ordering="state")
    def shown_state(self, generation: Generation) -> SafeString:
        """Return the state in colour, and that somebody asked to cancel it."""
        state = badge_of(generation, "state", STATE_LABELS)
        if generation.cancel_requested_at is None or generation.state not in IN_FLIGHT:
            return state
        return format_html("{} {}", state, badge("Cancel requested", "warning"))

    @display(description="problem")
    def shown_trouble(self, generation: Generation) -> str:
        """Return why it is in review or how it failed."""
        if generation.review_reason:
            return generation.get_review_reason_display()
        if generation.error_code:
            return clean(f"{generation.error_code}: {generation.error_message}")
        return EMPTY

    @display(description="approval")
    def shown_approval(self, generation: Generation) -> str | SafeString:
        """Return its approval request, if there is one."""
        approval: Approval | None = getattr(generation, "approval", None)
        return link_to(approval, text=approval.get_decision_display()) if approval else EMPTY

    @display(description="request")
    def shown_request(self, generation: Generation) -> SafeString:
        """Return what was requested, in a line."""
        sound = ", audio" if generation.generate_audio else ", silent"
        if "generate_audio" not in generation.body["input"]:
            sound = ""
        size = f"{generation.resolution} {generation.aspect_ratio}".rstrip()
        return unbroken(f"{generation.duration} s, {size}{sound}")

    @display(description="took")
    def shown_seconds(self, generation: Generation) -> str:
        """Return the seconds from the request to the end."""
        if generation.ended_at is None:
            return EMPTY
        return f"{(generation.ended_at - generation.created_at).total_seconds():.0f} s"

    @display(description="film")
    def shown_film(self, generation: Generation) -> str | SafeString:
        """Return whether its film is saved."""
        film: Film | None = getattr(generation, "film", None)
        return badge_of(film, "state", FILM_LABELS) if film else EMPTY

    @display(description="entries")
    def shown_transfers(self, generation: Generation) -> str | SafeString:
        """Return the ledger's entries of its hold."""
        # A page asks for each value several times.
        shown: SafeString | None = vars(generation).get("entries_table")
        return shown or vars(generation).setdefault("entries_table", _entries_of(generation))

    @display(description="body")
    def shown_body(self, generation: Generation) -> SafeString:
        """Return what was sent; the links of its images without their tokens."""
        return clean_json(generation.body)

    @display(description="callback URL")
    def shown_callback_url(self, generation: Generation) -> SafeString:
        """Return where the client wants to be notified, without its query."""
        return address(generation.callback_url)

    @display(description="vendor’s metadata")
    def shown_metadata(self, generation: Generation) -> SafeString:
        """Return what the vendor said it made."""
        return clean_json(generation.upstream_metadata)


def _entries_of(generation: Generation) -> str | SafeString:
    entries = Transfer.objects.filter(hold=generation.hold_id).select_related("team")
    entries = entries.order_by("id")
    names = names_of(entry.actor for entry in entries)
    rows: list[tuple[Any, ...]] = [
        (
            to_the_second(entry.created_at),
            link_to(entry),
            names[entry.actor],
            clean(entry.reason),
        )
        for entry in entries
    ]
    return table(("At", "Entry", "By", "Reason"), rows)
