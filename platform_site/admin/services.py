"""Let the admin's forms and buttons call services, and say what a service refused."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from unfold.forms import BaseDialogForm

from platform_site.admin.base import SiteAdmin
from platform_site.errors import DailiesError


class RefusedForm(Form):
    """Mixed into a form whose service refused: shows the refusal beside what was typed."""

    refusal: DailiesError

    def clean(self) -> dict[str, Any] | None:
        """Add the refusal to its field, or to the whole form."""
        cleaned = super().clean()
        field = self.refusal.field if self.refusal.field in self.fields else None
        self.add_error(field, self.refusal.message)
        return cleaned


class ServiceAdmin(SiteAdmin):
    """Pages whose saving and deleting is a service's.

    Subclasses call one service function in `save_model` and, where rows may go, in
    `delete_model`; what the service raises is shown and nothing of the request stays.
    """

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Save through the service; on a refusal, roll back and show the form again."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DailiesError as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]  # read in `get_form`, below
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Return the form; after a refusal, one that fails with its words."""
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal = getattr(request, "refusal", None)
        if refusal is None:
            return form
        return type(form)(form.__name__, (RefusedForm, form), {"refusal": refusal})

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Delete through the service; on a refusal, roll back and go back to the row."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except DailiesError as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(self.page_of(object_id))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Be overridden: deleting is a service's."""
        raise NotImplementedError

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete each row through the service, or none."""
        with transaction.atomic():
            for row in queryset:
                self.delete_model(request, row)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show what a service refused in a list's action."""
        try:
            return super().changelist_view(request, extra_context)
        except DailiesError as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(request.get_full_path())

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name the rows only: the service decides what goes with them."""
        names = [str(row) for row in objs]
        return names, {str(self.opts.verbose_name_plural): len(names)}, set(), []

    def page_of(self, object_id: object) -> str:
        """Return the path of a row's page."""
        meta = self.opts
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[object_id])

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Return the row's buttons that its state allows; none for an address without a row."""
        try:
            self.opts.pk.to_python(object_id)
        except (ValidationError, ValueError):
            return []
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        allowed = self.buttons_for(object_id)
        return [one for one in buttons if allowed is None or one.path in allowed]

    def buttons_for(self, object_id: str) -> frozenset[str] | None:
        """Return the names of the buttons that make sense for a row; None for all of them."""
        return None

    def run_on(
        self, request: HttpRequest, object_id: str, work: Callable[[Any], str], **only: Any
    ) -> HttpResponse:
        """Be a button: run `work` for the row, and show its sentence, or the refusal, there.

        Raises `Http404` when there is no such row, or none that fits the lookups `only`.
        """
        row = get_object_or_404(self.model, pk=object_id, **only)
        show_outcome(request, lambda: work(row))
        url = self.page_of(object_id)
        if request.headers.get("HX-Request"):  # a dialog asks
            return HttpResponse(headers={"HX-Redirect": url})
        return HttpResponseRedirect(url)


class ConfirmForm(BaseDialogForm):  # type: ignore[misc]  # the theme is untyped
    """A dialog without questions: it makes sure that an action is a POST."""


def show_outcome(request: HttpRequest, work: Callable[[], str]) -> None:
    """Run `work` and show its sentence, or the refusal."""
    try:
        messages.success(request, work())
    except DailiesError as refusal:
        messages.error(request, refusal.message)


def show_outcomes(request: HttpRequest, rows: QuerySet[Any], work: Callable[[Any], str]) -> None:
    """Run `work` for each row, so that one refusal does not keep the others."""
    for row in rows:
        show_outcome(request, lambda row=row: work(row))  # type: ignore[misc]  # a default binds the row
