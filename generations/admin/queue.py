"""Queue positions and priorities of queued generations: one at a time or several."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.people import by_of
from generations.dispatch import positions_of
from generations.lifecycle import WAITING
from generations.models import Generation, Priority
from generations.ordering import set_priority
from platform_site.admin.services import show_outcomes
from platform_site.admin.shown import EMPTY
from platform_site.admin.typed import action, display


class PriorityForm(BaseDialogForm):  # type: ignore[misc]  # the theme is untyped
    """A generation's priority within its team's queue."""

    priority = forms.TypedChoiceField(
        choices=Priority.choices, coerce=int, widget=UnfoldAdminSelectWidget
    )


class QueuePages:
    """Mixed into the generations' pages: the queue position and the priority."""

    run_on: Callable[..., HttpResponse]  # the service pages' own

    def buttons_for(self, object_id: str) -> frozenset[str]:
        """Offer the priority of what waits, beside what the other parts offer."""
        names: frozenset[str] = super().buttons_for(object_id)  # type: ignore[misc]
        waits = Generation.objects.filter(pk=object_id, state__in=WAITING).exists()
        return names | {"reprioritise"} if waits else names

    @display(description="queue position")
    def shown_position(self, generation: Generation) -> str:
        """Return its queue position and when it may start, while it is queued."""
        place = positions_of([generation], now=timezone.now()).get(generation.pk)
        return f"{place.words}." if place else EMPTY

    @admin.action(description="Move selected to front", permissions=["operate"])
    def put_first(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """Give those that wait high priority."""
        self._prioritise_all(request, queryset, Priority.HIGH)

    @admin.action(description="Set selected back to normal", permissions=["operate"])
    def put_back(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """Give those that wait normal priority."""
        self._prioritise_all(request, queryset, Priority.NORMAL)

    @admin.action(description="Move selected to back", permissions=["operate"])
    def put_off(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """Give those that wait low priority."""
        self._prioritise_all(request, queryset, Priority.LOW)

    def _prioritise_all(
        self, request: HttpRequest, queryset: QuerySet[Generation], priority: Priority
    ) -> None:
        show_outcomes(request, queryset, lambda row: _prioritised(request, row, priority))

    @action(
        description="Change priority",
        icon="low_priority",
        permissions=["operate"],
        dialog={
            "title": "Change this generation’s priority?",
            "description": "It counts within its team’s queue. Other teams are not affected.",
            "form_class": PriorityForm,
            "form_submit_text": "Change priority",
        },
    )
    def reprioritise(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Change one generation's priority."""
        priority = form.cleaned_data["priority"]
        return self.run_on(request, object_id, lambda row: _prioritised(request, row, priority))


def _prioritised(request: HttpRequest, generation: Generation, priority: int) -> str:
    set_priority(generation, priority=priority, by=by_of(request))
    return f"“{generation}” now has {Priority(priority).label.lower()} priority."
