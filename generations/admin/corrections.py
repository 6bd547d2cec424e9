"""What an administrator may put right on a generation's page, each with a reason."""

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
        """Offer to decide a review, or to turn a closed hold round once."""
        generation = Generation.objects.filter(pk=object_id).select_related("hold").first()
        if generation is None:
            return frozenset()
        if generation.state == State.NEEDS_REVIEW:
            return frozenset({"release", "settle"})
        hold = generation.hold
        if hold.is_open or hold.adjusted:
            return frozenset()
        return frozenset({"give_back_after_all" if hold.settled else "spend_after_all"})

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
        description="Give credits back",
        icon="undo",
        variant=ActionVariant.PRIMARY,
        permissions=["operate"],
        dialog={
            "title": "Give the credits back?",
            "description": "The vendor did not take the task. It counts as failed; should the "
            "vendor's word say otherwise within a day, one entry corrects this.",
            "form_class": ReasonForm,
            "form_submit_text": "Give back",
        },
    )
    def release(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        """Release what is held."""
        return self._correct(request, form, object_id, release_reviewed, "are given back")

    @action(
        description="Spend credits",
        icon="price_check",
        variant=ActionVariant.WARNING,
        permissions=["operate"],
        dialog={
            "title": "Spend the credits?",
            "description": "The vendor charged for the task. Without a film it counts as failed; "
            "should the vendor's word say otherwise within a day, one entry corrects this.",
            "form_class": ReasonForm,
            "form_submit_text": "Spend",
        },
    )
    def settle(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        """Count what is held as spent."""
        return self._correct(request, form, object_id, settle_reviewed, "are spent")

    @action(
        description="Spend after all",
        icon="price_check",
        variant=ActionVariant.WARNING,
        permissions=["operate"],
        dialog={
            "title": "Spend these credits after all?",
            "description": "They were given back, and the vendor kept its charge. One entry takes "
            "them from the wallet; it can be made once.",
            "form_class": ReasonForm,
            "form_submit_text": "Spend",
        },
    )
    def spend_after_all(
        self, request: HttpRequest, form: ReasonForm, object_id: str
    ) -> HttpResponse:
        """Correct what was given back."""
        return self._correct(request, form, object_id, adjust, "are spent after all", spent=True)

    @action(
        description="Give back after all",
        icon="undo",
        variant=ActionVariant.WARNING,
        permissions=["operate"],
        dialog={
            "title": "Give these credits back after all?",
            "description": "They were spent, and the vendor gave them back. One entry adds them "
            "to the wallet; it can be made once.",
            "form_class": ReasonForm,
            "form_submit_text": "Give back",
        },
    )
    def give_back_after_all(
        self, request: HttpRequest, form: ReasonForm, object_id: str
    ) -> HttpResponse:
        """Correct what was spent."""
        return self._correct(request, form, object_id, adjust, "are given back", spent=False)
