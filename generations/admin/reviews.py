"""What needs review with its evidence, and cancelling: one at a time or several."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.people import by_of, name_of
from generations.admin.choosing import ReasonForm
from generations.admin.corrections import CorrectionButtons
from generations.dispatch import cancel_generation
from generations.lifecycle import IN_FLIGHT, WAITING, ReviewReason, State
from generations.models import Generation
from generations.review import Review, decide_review, lacks_id, look_now, reviews_of
from platform_site.admin.services import ConfirmForm, show_outcomes
from platform_site.admin.shown import EMPTY, badge, clean, roomy, table, to_the_second
from platform_site.admin.typed import ActionVariant, action, display

INBOX_COLUMNS = ("shown_since", "shown_reason", "shown_advice", "credits")
_REASONS = {
    ReviewReason.SUBMIT_UNKNOWN: ("Answer lost", "warning"),
    ReviewReason.SILENT: ("Past deadline", "info"),
    ReviewReason.UNRECORDED: ("Not recorded", "danger"),
}


class AdoptForm(ReasonForm):
    """The task that an administrator found, and how."""

    upstream_id = forms.CharField(
        max_length=120,
        label="Vendor task ID",
        widget=UnfoldAdminTextInputWidget,
        help_text="We check it with the provider key that the generation was sent with.",
    )
    despite_time = forms.BooleanField(
        required=False,
        label="Link it even if its time does not match",
        help_text="Only for a task that you know is ours, where a clock was wrong.",
    )
    field_order = ("upstream_id", "despite_time", "reason")


class ReasonedActionForm(ActionForm):  # type: ignore[misc]  # the theme is untyped
    """The list's actions with a reason, which decisions need."""

    reason = forms.CharField(
        required=False,
        max_length=500,
        label="",
        widget=UnfoldAdminTextInputWidget(
            {"placeholder": "Reason, for decisions", "aria-label": "Reason", "x-show": "action"}
        ),
    )


def is_inbox(request: HttpRequest) -> bool:
    """Return whether the list shows what is in review and nothing else."""
    return request.GET.get("state__exact") == State.NEEDS_REVIEW


class ReviewPages(CorrectionButtons):
    """Mixed into the generations' pages: evidence and advice, checking, linking, cancelling."""

    action_form = ReasonedActionForm

    def buttons_for(self, object_id: str) -> frozenset[str]:
        """Offer what the generation's state allows."""
        names = super().buttons_for(object_id)
        generation = Generation.objects.filter(pk=object_id).first()
        if generation is None:
            return names
        if generation.state == State.NEEDS_REVIEW:
            names |= {"look"}
        if lacks_id(generation):
            names |= {"adopt"}
        if generation.state in {*WAITING, *IN_FLIGHT} and generation.cancel_requested_at is None:
            names |= {"cancel"}
        return names

    # What is shown

    @display(description="in review since")
    def shown_since(self, generation: Generation) -> SafeString:
        """Return when its review began."""
        return to_the_second(_review_of(generation).evidence.since)

    @display(description="reason", ordering="review_reason")
    def shown_reason(self, generation: Generation) -> SafeString:
        """Return why it is in review, in a word or two."""
        return badge(*_REASONS[ReviewReason(generation.review_reason)])

    @display(description="what it means")
    def shown_advice(self, generation: Generation) -> SafeString:
        """Return what the evidence says."""
        return roomy(clean(_review_of(generation).advice.words))

    @display(description="next check")
    def shown_next_look(self, generation: Generation) -> SafeString:
        """Return when there will be more evidence."""
        return to_the_second(_review_of(generation).advice.next_look)

    @display(description="evidence")
    def shown_timeline(self, generation: Generation) -> str | SafeString:
        """Return the evidence as a timeline; it may quote the vendor."""
        rows = [
            (to_the_second(fact.at), fact.what, clean(fact.detail))
            for fact in _review_of(generation).timeline
        ]
        return table(("At", "What", "How we know"), rows)

    @display(description="cancel request")
    def shown_pending_cancel(self, generation: Generation) -> str | SafeString:
        """Return who asked to cancel it, and when."""
        if generation.cancel_requested_at is None:
            return EMPTY
        at = to_the_second(generation.cancel_requested_at)
        return format_html("{} by {}", at, clean(name_of(generation.cancel_requested_by)))

    # One at a time

    def _do(self, request: HttpRequest, object_id: str, work: Any, words: str) -> HttpResponse:
        def done(generation: Generation) -> str:
            work(generation, by=by_of(request), now=timezone.now())
            return words or _cancelled(generation)

        return self.run_on(request, object_id, done)

    @action(
        description="Check now",
        icon="refresh",
        permissions=["operate"],
        dialog={
            "title": "Check now?",
            "description": "We ask the vendor about the task, about tasks in callbacks, and usage.",
            "form_class": ConfirmForm,
            "form_submit_text": "Check now",
        },
    )
    def look(self, request: HttpRequest, form: ConfirmForm, object_id: str) -> HttpResponse:
        """Poll, check and sample now."""
        return self._do(request, object_id, look_now, "Checking with the vendor now.")

    @action(
        description="Link vendor task",
        icon="link",
        permissions=["operate"],
        dialog={
            "title": "Link a vendor task?",
            "description": "It must belong to this provider key and to no other generation, and be "
            "no older than the submit.",
            "form_class": AdoptForm,
            "form_submit_text": "Check and link",
        },
    )
    def adopt(self, request: HttpRequest, form: AdoptForm, object_id: str) -> HttpResponse:
        """Link it to the task that somebody found in the vendor's console."""

        def work(generation: Generation, **by: Any) -> None:
            typed = form.cleaned_data
            by |= {name: typed[name] for name in AdoptForm.field_order}
            decide_review(generation, "adopt", **by)

        return self._do(
            request, object_id, work, "Vendor task linked. Checking with the vendor now."
        )

    @action(
        description="Cancel generation",
        icon="cancel",
        variant=ActionVariant.WARNING,
        permissions=["operate"],
        dialog={
            "title": "Cancel this generation?",
            "description": "If it was not sent, it is cancelled and its credits are released. The "
            "vendor cannot be stopped: if it may have the task, we record a cancel request and "
            "its credits stay held until the vendor answers.",
            "form_class": ReasonForm,
            "form_submit_text": "Cancel generation",
        },
    )
    def cancel(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        """Cancel it, or note the cancel request."""

        def work(generation: Generation, **by: Any) -> None:
            cancel_generation(generation, reason=form.cleaned_data["reason"], **by)

        return self._do(request, object_id, work, "")

    # Several at once

    @admin.action(description="Check selected now", permissions=["operate"])
    def look_at_selected(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """Check each of them with the vendor now."""
        by = by_of(request)

        def work(generation: Generation) -> str:
            look_now(generation, by=by, now=timezone.now())
            return f"Checking “{generation}” with the vendor."

        show_outcomes(request, queryset, work)

    @admin.action(description="Release credits of selected", permissions=["operate"])
    def release_selected(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """Release those selected."""
        self._decide_all(request, queryset, "release", "released")

    @admin.action(description="Mark selected as spent", permissions=["operate"])
    def settle_selected(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """Settle those selected."""
        self._decide_all(request, queryset, "settle", "spent")

    @admin.action(description="Cancel selected", permissions=["operate"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """Cancel what was not sent, and note a cancel request for what was."""
        by, reason = by_of(request), request.POST.get("reason", "")

        def work(generation: Generation) -> str:
            cancel_generation(generation, by=by, now=timezone.now(), reason=reason)
            return _cancelled(generation)

        show_outcomes(request, queryset, work)

    def _decide_all(
        self, request: HttpRequest, queryset: QuerySet[Generation], decision: str, words: str
    ) -> None:
        by, reason = by_of(request), request.POST.get("reason", "")

        def work(generation: Generation) -> str:
            decide_review(generation, decision, by=by, reason=reason, now=timezone.now())
            return f"{generation.credits:,} credits of “{generation}” are {words}."

        show_outcomes(request, queryset, work)


def read_reviews(rows: Iterable[Generation]) -> None:
    """Read the evidence of a list's rows at once."""
    for review in reviews_of(list(rows), now=timezone.now()):
        _remember(review)


def _cancelled(generation: Generation) -> str:
    if generation.state == State.CANCELLED:
        return f"“{generation}” is cancelled; {generation.credits:,} credits are released."
    return f"Cancel requested. “{generation}” costs credits only if the vendor finishes it."


def _review_of(generation: Generation) -> Review:
    """Return the row's review; a list has read all of them at once."""
    review: Review | None = getattr(generation, "review", None)
    if review is None:
        [review] = reviews_of([generation], now=timezone.now())
        _remember(review)
    return review


def _remember(review: Review) -> None:
    review.generation.review = review  # type: ignore[attr-defined]  # for the row's columns
