"""What an administrator may correct on a generation's page, each with a reason."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.authority import By
from accounts.people import by_of
from generations.admin.choosing import ReasonForm
from generations.lifecycle import State
from generations.models import Generation
from generations.review import adjust, release_reviewed, settle_reviewed
from platform_site.admin.typed import ActionVariant, action


class CorrectionButtons:
    """Mixed into the generations' pages: the buttons that a generation's state allows."""

    run_on: Callable[..., HttpResponse]  # the service pages' own

    def buttons_for(self, object_id: str) -> frozenset[str]:
        """Offer to decide a review, or to correct a closed hold once."""
        generation = Generation.objects.filter(pk=object_id).select_related("hold").first()
        if generation is None:
            return frozenset()
        if generation.state == State.NEEDS_REVIEW:
            return frozenset({"release", "settle"})
        hold = generation.hold
        if hold.is_open or hold.adjusted:
            return frozenset()
        return frozenset({"correct_to_released" if hold.settled else "correct_to_spent"})

    def _correct(  # one call a button
        self,
        request: HttpRequest,
        form: ReasonForm,
        object_id: str,
        correct: Callable[..., None],
        words: str,
        **more: Any,
    ) -> HttpResponse:
        by: By = by_of(request)

        def work(generation: Generation) -> str:
            reason: str = form.cleaned_data["reason"]
            correct(generation, by=by, reason=reason, now=timezone.now(), **more)
            return f"{generation.credits:,} credits {words}."

        return self.run_on(request, object_id, work)

    @action(
        description="Release credits",
        icon="undo",
        variant=ActionVariant.PRIMARY,
        permissions=["operate"],
        dialog={
            "title": "Release the credits?",
            "description": "The vendor did not take the task. The generation fails and its credits "
            "are released. If the vendor says otherwise within a day, one entry corrects this.",
            "form_class": ReasonForm,
            "form_submit_text": "Release credits",
        },
    )
    def release(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        """Release what is held."""
        return self._correct(request, form, object_id, release_reviewed, "are released")

    @action(
        description="Mark as spent",
        icon="price_check",
        variant=ActionVariant.WARNING,
        permissions=["operate"],
        dialog={
            "title": "Mark the credits as spent?",
            "description": "The vendor charged for the task. Without a film the generation fails. "
            "If the vendor says otherwise within a day, one entry corrects this.",
            "form_class": ReasonForm,
            "form_submit_text": "Mark as spent",
        },
    )
    def settle(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        """Count what is held as spent."""
        return self._correct(request, form, object_id, settle_reviewed, "are spent")

    @action(
        description="Correct to spent",
        icon="price_check",
        variant=ActionVariant.WARNING,
        permissions=["operate"],
        dialog={
            "title": "Correct these credits to spent?",
            "description": "They were released, but the vendor charged for them. One entry takes "
            "them from the wallet. A generation can be corrected once.",
            "form_class": ReasonForm,
            "form_submit_text": "Correct to spent",
        },
    )
    def correct_to_spent(
        self, request: HttpRequest, form: ReasonForm, object_id: str
    ) -> HttpResponse:
        """Correct what was released."""
        return self._correct(request, form, object_id, adjust, "corrected to spent", spent=True)

    @action(
        description="Correct to released",
        icon="undo",
        variant=ActionVariant.WARNING,
        permissions=["operate"],
        dialog={
            "title": "Correct these credits to released?",
            "description": "They were spent, but the vendor refunded them. One entry adds them to "
            "the wallet. A generation can be corrected once.",
            "form_class": ReasonForm,
            "form_submit_text": "Correct to released",
        },
    )
    def correct_to_released(
        self, request: HttpRequest, form: ReasonForm, object_id: str
    ) -> HttpResponse:
        """Correct what was spent."""
        return self._correct(request, form, object_id, adjust, "corrected to released", spent=False)
