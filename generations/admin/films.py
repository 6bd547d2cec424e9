"""Films, events, callbacks and uploads, read-only. No token of theirs is on any page."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.admin.actors import ActorNames, actor_column
from accounts.people import by_of
from generations.archive import keep_again
from generations.models import CallbackReceipt, Film, GenerationEvent, Upload
from generations.templatetags.dailies import megabytes
from platform_site.admin.base import ReadOnlyAdmin
from platform_site.admin.services import ConfirmForm, ServiceAdmin, show_outcomes
from platform_site.admin.shown import (
    EMPTY,
    badge_of,
    clean,
    linked,
    moment,
    related_lists,
    roomy,
    unbroken,
)
from platform_site.admin.typed import ActionVariant, action, display

FILM_LABELS = {
    Film.State.PENDING: "info",
    Film.State.KEPT: "success",
    Film.State.GIVEN_UP: "danger",
    Film.State.REMOVED: "default",
}
VERDICT_LABELS = {
    CallbackReceipt.Verdict.NOTED: "default",
    CallbackReceipt.Verdict.PROPOSED: "info",
    CallbackReceipt.Verdict.ADOPTED: "success",
    CallbackReceipt.Verdict.REJECTED: "warning",
}


@admin.register(Film)
class FilmAdmin(ReadOnlyAdmin, ServiceAdmin):
    """The saved film of a generation, or why there is none."""

    actions = ("keep_selected_again",)
    actions_detail = ("keep_again",)

    list_display = (
        "shown_name",
        linked("generation__team", order="generation__team"),
        "shown_state",
        "shown_pixels",
        "shown_size",
        moment("link_expires_at"),
        "alarms",
        "failures",
        "shown_problem",
    )
    list_filter = ("state", "alarms", "has_audio", "generation__team")
    list_select_related = ("generation__team",)
    search_fields = ("generation__id__startswith", "generation__prompt", "sha256", "problem")
    date_hierarchy = "created_at"
    fields = (
        "generation",
        "shown_state",
        "shown_problem",
        "attempts",
        "failures",
        "next_attempt_at",
        "link_expires_at",
        "alarms",
        "created_at",
        "kept_at",
        "lost_at",
        "removed_at",
        "shown_pixels",
        "frames",
        "shown_length",
        "has_audio",
        "shown_size",
        "sha256",
        "shown_shared",
        "differs",
    )
    unsearchable = ("file_name", "poster_name", "last_frame_name")

    @display(description="film")
    def shown_name(self, film: Film) -> str:
        """Return its generation's name."""
        return str(film.generation)

    @display(description="state", ordering="state")
    def shown_state(self, film: Film) -> SafeString:
        """Return the state in colour."""
        return badge_of(film, "state", FILM_LABELS)

    @display(description="pixels", ordering="width")
    def shown_pixels(self, film: Film) -> str:
        """Return width and height."""
        return f"{film.width}×{film.height}" if film.width else "–"

    @display(description="size", ordering="size")
    def shown_size(self, film: Film) -> SafeString:
        """Return the size in megabytes."""
        return unbroken(megabytes(film.size) if film.size else EMPTY)

    @display(description="problem")
    def shown_problem(self, film: Film) -> SafeString:
        """Return what keeps it from being saved."""
        return roomy(clean(film.problem))

    @display(description="length")
    def shown_length(self, film: Film) -> str:
        """Return its length as it decodes."""
        return f"{film.seconds:.2f} s" if film.duration_ms else EMPTY

    @display(description="files")
    def shown_shared(self, film: Film) -> str:
        """Return how many films share these files."""
        if film.stored is None:
            return "Of this film only" if film.file_name else EMPTY
        others = film.stored.uses - 1
        return f"Shared with {others:,} more" if others else "Of this film only"

    def buttons_for(self, object_id: str) -> frozenset[str]:
        """Offer to save again what is lost."""
        lost = Film.objects.filter(generation_id=object_id, state=Film.State.GIVEN_UP)
        return frozenset({"keep_again"} if lost.exists() else ())

    @action(
        description="Save again",
        icon="restore_page",
        variant=ActionVariant.PRIMARY,
        permissions=["operate"],
        dialog={
            "title": "Save this film again?",
            "description": "We ask the vendor for a new link. No credits move.",
            "form_class": ConfirmForm,
            "form_submit_text": "Save again",
        },
    )
    def keep_again(self, request: HttpRequest, _form: ConfirmForm, object_id: str) -> HttpResponse:
        """Ask the vendor for a new link and fetch it."""
        return self.run_on(request, object_id, lambda film: _again(film, request))

    @admin.action(description="Save selected films again", permissions=["operate"])
    def keep_selected_again(self, request: HttpRequest, films: QuerySet[Film]) -> None:
        """Try each that is lost; say of the others that they are not."""
        show_outcomes(request, films, lambda film: _again(film, request))


def _again(film: Film, request: HttpRequest) -> str:
    keep_again(film, by=by_of(request), now=timezone.now())
    return f"Asking the vendor for a new link: {film.generation}"


@admin.register(GenerationEvent)
class GenerationEventAdmin(ActorNames, ReadOnlyAdmin):
    """Every event of all generations."""

    list_display = (
        moment("at"),
        linked("generation"),
        "kind",
        "from_state",
        "to_state",
        "shown_message",
        "shown_actor",
    )
    list_filter = ("kind", "to_state")
    list_select_related = ("generation",)
    search_fields = ("generation__id__startswith", "actor", "request_id", "upstream_id", "message")
    date_hierarchy = "at"
    ordering = ("-id",)
    fields = (
        "at",
        "generation",
        "kind",
        "from_state",
        "to_state",
        "shown_message",
        "shown_actor",
        "request_id",
        "upstream_id",
    )

    shown_actor = actor_column("actor")

    @display(description="message")
    def shown_message(self, event: GenerationEvent) -> SafeString:
        """Return the message, cleaned: it may quote the vendor."""
        return roomy(clean(event.message))


@admin.register(CallbackReceipt)
class CallbackReceiptAdmin(ReadOnlyAdmin):
    """What the vendor posted to us: evidence, never proof."""

    list_display = (
        moment("received_at"),
        linked("generation"),
        "event",
        "proposed_id",
        "shown_verdict",
        "sent_from",
    )
    list_filter = ("verdict", "event")
    list_select_related = ("generation",)
    search_fields = ("generation__id__startswith", "proposed_id", "sent_from")
    date_hierarchy = "received_at"
    fields = (
        "received_at",
        "generation",
        "event",
        "proposed_id",
        "shown_verdict",
        "sent_from",
        "checks",
        "next_check_at",
    )

    @display(description="verdict", ordering="verdict")
    def shown_verdict(self, receipt: CallbackReceipt) -> SafeString:
        """Return the verdict in colour."""
        return badge_of(receipt, "verdict", VERDICT_LABELS)


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    """Images uploaded as first and last frames. Their files' names are their tokens."""

    list_display = (
        "__str__",
        linked("team"),
        linked("user"),
        moment("created_at"),
        moment("expires_at"),
    )
    list_filter = ("content_type", "team")
    list_select_related = ("team", "user")
    search_fields = ("team__name", "user__email")
    date_hierarchy = "created_at"
    fields = (
        "team",
        "user",
        "content_type",
        "width",
        "height",
        "size",
        "created_at",
        "expires_at",
        "shown_related",
    )
    unsearchable = ("file_name",)

    @display(description="related lists")
    def shown_related(self, upload: Upload) -> str | SafeString:
        """Return links to what was made from it."""
        return related_lists(upload)
