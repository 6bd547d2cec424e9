"""Spend limits: what a team, or a part of it, may spend per hour, day, week, month or in total."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.authority import By
from accounts.models import Membership
from accounts.people import by_of
from billing.models import SpendLimit, SpendWindow
from billing.models.spend_limit import usual_thresholds
from billing.selectors import uses_of
from billing.services.alerts import set_alerts
from billing.windows import Window
from generations.admin.choosing import one_of
from generations.limits import (
    SHOWN_SCOPES,
    AdminField,
    Capped,
    LimitTarget,
    Scope,
    cap,
    cap_own,
    capped_by,
    capped_by_each,
    scope_called,
    subject_of,
)
from platform_site.admin.base import ReadOnlyInline
from platform_site.admin.services import ServiceAdmin
from platform_site.admin.shown import link_to, options_of, unbroken
from platform_site.admin.typed import display
from platform_site.errors import InvalidRequest, NotFound

_FIELDS = {field.name: field for scope in SHOWN_SCOPES for field in scope.admin_fields}
_USUAL = ", ".join(map(str, usual_thresholds()))


class LimitAdminForm(forms.ModelForm):  # type: ignore[type-arg]
    """Whose spending, in which window, how much."""

    kind = forms.ChoiceField(
        label="Limit for",
        choices=[(scope.slug, scope.admin_choice) for scope in SHOWN_SCOPES],
        widget=UnfoldAdminSelectWidget,
        required=False,
    )

    # Not `window`: the page's script knows the fields by name, and that name is the browser's.
    period = forms.ChoiceField(
        label="Renews every", choices=Window.choices, widget=UnfoldAdminSelectWidget, required=False
    )

    alerts = forms.CharField(
        label="Notify at",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=f"Percent of the limit, held plus spent, such as {_USUAL}. Leave empty for none.",
    )

    class Meta:
        model = SpendLimit
        fields = ("credits",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Show a stored limit's percents, or the usual ones."""
        super().__init__(*args, **kwargs)
        self.initial.setdefault("alerts", ", ".join(map(str, self.instance.alert_at)))

    def clean_alerts(self) -> list[int]:
        """Read the percents; the service judges them."""
        words = self.cleaned_data["alerts"].replace(",", " ").replace("%", " ").split()
        try:
            return sorted({int(word) for word in words})
        except ValueError:
            raise forms.ValidationError("Enter whole percentages, separated by commas.") from None

    def clean(self) -> dict[str, Any]:
        """Find the target that the fields name."""
        typed = super().clean() or {}
        if self.instance.pk is None:
            typed["target"] = self._target(typed)
        return typed

    def _target(self, typed: dict[str, Any]) -> tuple[Scope[Any], LimitTarget] | None:
        scope = scope_called(typed.get("kind") or "")
        if scope is None:
            self.add_error("kind", "Choose one.")
            return None
        for field in scope.admin_fields:
            if not typed.get(field.name):
                self.add_error(field.name, "Choose one.")
                return None
        try:
            return scope, scope.from_admin(typed)
        except InvalidRequest as refusal:
            self.add_error(refusal.field, refusal.message)
            return None


def _form_field(field: AdminField) -> forms.Field:
    rows = options_of(field.model).default_manager if field.model else None
    if rows is not None and field.via is not None:
        return one_of(rows, *field.via)
    return forms.ChoiceField(choices=field.choices, widget=UnfoldAdminSelectWidget, required=False)


LimitAdminForm.declared_fields |= {name: _form_field(field) for name, field in _FIELDS.items()}


class LimitList(ChangeList):  # type: ignore[misc]  # the theme is untyped
    """A page of limits with their subjects and uses, in a few queries for all of them."""

    result_list: list[Any]

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then who and how much for its rows."""
        super().get_results(request)
        limits = list(self.result_list)
        uses = uses_of(limits, now=timezone.now())
        capped = capped_by_each(subject_of(limit) for limit in limits)
        for limit, use in zip(limits, uses, strict=True):
            limit.use = use
            limit.capped = capped.get(subject_of(limit))
        self.result_list = limits


class WindowInline(ReadOnlyInline):
    """What was held and spent, window by window."""

    model = SpendWindow
    fields = ("starts_at", "held", "spent")
    verbose_name_plural = "windows"
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> Any:
        """Join the limit: a window's name is made of it."""
        return super().get_queryset(request).select_related("limit")


@admin.register(SpendLimit)
class SpendLimitAdmin(ServiceAdmin):
    """Limits on spending. Of a stored one only the credits and alerts change."""

    form = LimitAdminForm
    list_display = (
        "shown_cap",
        "shown_subject",
        "shown_team",
        "shown_spent",
        "shown_held",
        "shown_left",
    )
    list_filter = ("subject_kind", "window")
    search_fields = ("subject_id",)
    inlines = (WindowInline,)
    fields = ("shown_subject", "shown_team", "window", "credits", "alerts", "created_at")
    add_fieldsets = (
        (None, {"fields": ("kind", *_FIELDS)}),
        ("Limit", {"fields": ("period", "credits", "alerts")}),
    )
    conditional_fields = {
        name: " || ".join(
            f"kind == '{scope.slug}'" for scope in SHOWN_SCOPES if field in scope.admin_fields
        )
        for name, field in _FIELDS.items()
    }

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LimitList]:
        """Fetch pages with subjects and uses."""
        return LimitList

    @display(description="limit", ordering="credits")
    def shown_cap(self, limit: SpendLimit) -> SafeString:
        """Return how much in which window."""
        per = "in total" if limit.window == Window.TOTAL else f"per {limit.window}"
        return unbroken(f"{limit.credits:,} credits {per}")

    @display(description="applies to", ordering="subject_kind")
    def shown_subject(self, limit: Any) -> str | SafeString:
        """Return whose spending it limits, as a link."""
        capped = _capped(limit)
        if capped is None:
            return f"{limit.subject_kind.replace('_', ' ')} {limit.subject_id} (deleted)"
        if capped.target is None:
            return f"{capped.name} (left the team)"
        text = f"{capped.target} (personal limit)" if capped.scope.is_own else str(capped.target)
        return link_to(capped.target, text=text) if isinstance(capped.target, Model) else text

    @display(description="team")
    def shown_team(self, limit: Any) -> str | SafeString:
        """Return the subject's team."""
        capped = _capped(limit)
        return link_to(capped.team if capped else None)

    @display(description="spent")
    def shown_spent(self, limit: Any) -> int:
        """Return what was spent in the current window."""
        return int(limit.use.spent)

    @display(description="held")
    def shown_held(self, limit: Any) -> int:
        """Return what is held in the current window."""
        return int(limit.use.held)

    @display(description="left")
    def shown_left(self, limit: Any) -> int:
        """Return the room in the current window."""
        return int(limit.use.left)

    def get_readonly_fields(self, request: HttpRequest, obj: SpendLimit | None = None) -> Any:
        """Let only the credits of a stored limit change."""
        return ("shown_subject", "shown_team", "window", "created_at") if obj else ()

    def get_inlines(self, request: HttpRequest, obj: SpendLimit | None) -> Any:
        """Show windows once there can be some."""
        return self.inlines if obj else ()

    def save_model(self, request: HttpRequest, obj: SpendLimit, form: Any, change: bool) -> None:
        """Set the limit, counting what was spent before it was set, and when to notify people."""
        typed = form.cleaned_data
        if change:
            scope, target = _target_of(obj)
        else:
            scope, target = typed["target"]
            obj.window = typed["period"]
        by = by_of(request)
        limit = _cap(scope, target, window=obj.window, credits=obj.credits, by=by)
        if limit is None:
            raise NotFound("This limit was removed in the meantime.")
        if typed["alerts"] != limit.alert_at:
            set_alerts(scope.holder(target), window=limit.window, percents=typed["alerts"], by=by)
        obj.pk, obj.subject_kind, obj.subject_id = limit.pk, limit.subject_kind, limit.subject_id

    def delete_model(self, request: HttpRequest, obj: SpendLimit) -> None:
        """Remove the limit."""
        scope, target = _target_of(obj)
        _cap(scope, target, window=obj.window, credits=None, by=by_of(request))


def _cap(
    scope: Scope[Any], target: LimitTarget, *, window: str, credits: int | None, by: By
) -> SpendLimit | None:
    if scope.is_own and isinstance(target, Membership):
        return cap_own(target, window=window, credits=credits, by=by)
    return cap(target, window=window, credits=credits, by=by)


def _capped(limit: Any) -> Capped | None:
    """Return what the list has found for the whole page, or look it up."""
    known: Capped | None = (
        limit.capped if hasattr(limit, "capped") else capped_by(subject_of(limit))
    )
    return known


def _target_of(limit: SpendLimit) -> tuple[Scope[Any], LimitTarget]:
    """Return what is capped, and in which scope."""
    capped = _capped(limit)
    if capped is None or capped.target is None:
        raise NotFound(f"{limit.subject_kind} {limit.subject_id} no longer exists.")
    return capped.scope, capped.target
