"""Spend limits: what one team, member, API key or provider key may spend in a window."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import Manager, Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.admin.acting import actor_of
from accounts.models import ApiKey, Team, User
from accounts.selectors import membership_of
from billing.ledger import Subject
from billing.models import SpendLimit, SpendWindow
from billing.overview import uses_of
from billing.services.limits import set_limit
from billing.windows import Window
from generations.models import Generation, ProviderKey
from generations.subjects import NamedSubject, name_subjects, subject_of
from platform_site.admin.base import ReadOnlyInline
from platform_site.admin.services import ServiceAdmin
from platform_site.admin.shown import link_to, options_of, unbroken
from platform_site.admin.typed import display
from platform_site.errors import NotFound

KINDS = {
    "team": "A whole team",
    "member": "One member of a team",
    "api_key": "One API key",
    "provider_key": "One provider key",
}
_GONE = NamedSubject(None, None)


def _one_of(rows: Manager[Any], source: type[Model], name: str) -> "forms.ModelChoiceField[Any]":
    """Return a field that searches `rows` as the foreign key `name` of `source` would."""
    widget = AutocompleteSelect(options_of(source).get_field(name), admin.site)
    return forms.ModelChoiceField(rows.all(), required=False, widget=widget)


class LimitForm(forms.ModelForm):  # type: ignore[type-arg]
    """Whose spending, in which window, how much."""

    kind = forms.ChoiceField(
        label="Limits", choices=[*KINDS.items()], widget=UnfoldAdminSelectWidget, required=False
    )
    team = _one_of(Team.objects, ApiKey, "team")
    person = _one_of(User.objects, ApiKey, "owner")
    api_key = _one_of(ApiKey.objects, Generation, "api_key")
    provider_key = _one_of(ProviderKey.objects, Generation, "provider_key")

    # Not `window`: the page's script knows the fields by name, and that name is the browser's.
    period = forms.ChoiceField(
        label="Window", choices=Window.choices, widget=UnfoldAdminSelectWidget, required=False
    )

    class Meta:
        model = SpendLimit
        fields = ("credits",)

    def clean(self) -> dict[str, Any]:
        """Find the subject that the fields name."""
        typed = super().clean() or {}
        if self.instance.pk is None:
            typed["named"] = self._named(typed)
        return typed

    def _named(self, typed: dict[str, Any]) -> tuple[Team, Subject] | None:
        kind = typed.get("kind") or ""
        needed = {"member": ("team", "person")}.get(kind, (kind,))
        for name in needed:
            if typed.get(name) is None:
                self.add_error(name if name in self.fields else "kind", "Choose one.")
                return None
        if kind == "team":
            return typed["team"], Subject("team", str(typed["team"].pk))
        if kind == "member":
            team, person = typed["team"], typed["person"]
            if membership_of(person, team) is None:
                self.add_error("person", f"{person} is not a member of {team}.")
            return team, Subject("member", f"{team.pk}:{person.pk}")
        return typed[kind].team, Subject(kind, str(typed[kind].pk))


class LimitList(ChangeList):  # type: ignore[misc]  # the theme is untyped
    """A page of limits with their subjects and uses, in a few queries for all of them."""

    result_list: list[Any]

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then who and how much for its rows."""
        super().get_results(request)
        limits = list(self.result_list)
        uses = uses_of(limits, now=timezone.now())
        named = name_subjects(limits)
        for limit in limits:
            limit.use = uses[limit.pk]
            limit.named = named.get(subject_of(limit), _GONE)
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
    """Caps on spending. Whose a stored one is does not change; how much does."""

    form = LimitForm
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
    fields = ("shown_subject", "shown_team", "window", "credits", "created_at")
    add_fieldsets = (
        (None, {"fields": ("kind", "team", "person", "api_key", "provider_key")}),
        ("Limit", {"fields": ("period", "credits")}),
    )
    conditional_fields = {
        "team": "kind == 'team' || kind == 'member'",
        "person": "kind == 'member'",
        "api_key": "kind == 'api_key'",
        "provider_key": "kind == 'provider_key'",
    }

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LimitList]:
        """Fetch pages with subjects and uses."""
        return LimitList

    @display(description="limit", ordering="credits")
    def shown_cap(self, limit: SpendLimit) -> SafeString:
        """Return how much in which window."""
        per = "in total" if limit.window == Window.TOTAL else f"a {limit.window}"
        return unbroken(f"{limit.credits:,} credits {per}")

    @display(description="for", ordering="subject_kind")
    def shown_subject(self, limit: Any) -> str | SafeString:
        """Return whose spending it limits, as a link."""
        row = _named(limit).row
        kind = limit.subject_kind.replace("_", " ")
        return link_to(row) if row else f"{kind} {limit.subject_id} (gone)"

    @display(description="team")
    def shown_team(self, limit: Any) -> str | SafeString:
        """Return the subject's team."""
        return link_to(_named(limit).team)

    @display(description="spent now")
    def shown_spent(self, limit: Any) -> int:
        """Return what was spent in the current window."""
        return int(limit.use.spent)

    @display(description="held now")
    def shown_held(self, limit: Any) -> int:
        """Return what is held in the current window."""
        return int(limit.use.held)

    @display(description="left now")
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
        """Set the limit."""
        if change:
            team, subject = _team_of(obj), subject_of(obj)
        else:
            team, subject = form.cleaned_data["named"]
            obj.subject_kind, obj.subject_id = subject.kind, subject.id
            obj.window = form.cleaned_data["period"]
        actor = actor_of(request)
        limit = set_limit(
            team=team, subject=subject, window=obj.window, credits=obj.credits, actor=actor
        )
        obj.pk = limit.pk if limit else None

    def delete_model(self, request: HttpRequest, obj: SpendLimit) -> None:
        """Lift the limit."""
        set_limit(
            team=_team_of(obj),
            subject=subject_of(obj),
            window=obj.window,
            credits=None,
            actor=actor_of(request),
        )


def _named(limit: Any) -> NamedSubject:
    known: NamedSubject | None = getattr(limit, "named", None)
    return known or name_subjects([limit]).get(subject_of(limit), _GONE)


def _team_of(limit: SpendLimit) -> Team:
    team = _named(limit).team
    if team is None:
        raise NotFound(f"There is no {limit.subject_kind} {limit.subject_id} any more.")
    return team
