"""Where a queued generation stands in line, and moving it: one at a time or several."""

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
    """Where in its team's line a generation goes."""

    priority = forms.TypedChoiceField(
        choices=Priority.choices, coerce=int, widget=UnfoldAdminSelectWidget
    )


class QueuePages:
    """Mixed into the generations' pages: the place in line and the priority."""

    run_on: Callable[..., HttpResponse]  # the service pages' own

    def buttons_for(self, object_id: str) -> frozenset[str]:
        """Offer to move what waits, beside what the other parts offer."""
        names: frozenset[str] = super().buttons_for(object_id)  # type: ignore[misc]
        waits = Generation.objects.filter(pk=object_id, state__in=WAITING).exists()
        return names | {"reprioritise"} if waits else names

    @display(description="place in line")
    def shown_position(self, generation: Generation) -> str:
        """Return its place and when it may start, while it is queued."""
        place = positions_of([generation], now=timezone.now()).get(generation.pk)
        return f"{place.words}." if place else EMPTY

    @admin.action(description="Let the selected go first in their teams", permissions=["operate"])
    def put_first(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """Give those that wait the highest priority."""
        self._prioritise_all(request, queryset, Priority.HIGH)

    @admin.action(description="Put the selected back in turn", permissions=["operate"])
    def put_back(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """Give those that wait the usual priority."""
        self._prioritise_all(request, queryset, Priority.NORMAL)

    @admin.action(description="Put the selected off behind their teams", permissions=["operate"])
    def put_off(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """Give those that wait the lowest priority."""
        self._prioritise_all(request, queryset, Priority.LOW)

    def _prioritise_all(
        self, request: HttpRequest, queryset: QuerySet[Generation], priority: Priority
    ) -> None:
        show_outcomes(request, queryset, lambda row: _prioritised(request, row, priority))

    @action(
        description="Move in line",
        icon="low_priority",
        permissions=["operate"],
        dialog={
            "title": "When does it go out?",
            "description": "Among what its own team has queued. Other teams are served as before.",
            "form_class": PriorityForm,
            "form_submit_text": "Move",
        },
    )
    def reprioritise(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Change one generation's priority."""
        priority = form.cleaned_data["priority"]
        return self.run_on(request, object_id, lambda row: _prioritised(request, row, priority))


def _prioritised(request: HttpRequest, generation: Generation, priority: int) -> str:
    set_priority(generation, priority=priority, by=by_of(request))
    return f"“{generation}” goes out: {Priority(priority).label.lower()}."
