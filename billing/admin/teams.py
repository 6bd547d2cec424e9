"""Teams: their people, their books, and credits granted to them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from accounts.admin.memberships import MembersInline, NewMembersInline, save_role
from accounts.models import Team
from accounts.people import by_of
from accounts.teams import create_team
from billing.ledger import MAX_CREDITS, grant
from billing.overview import teams_with_books
from billing.selectors import books_of, limits_of
from platform_site.admin.services import ServiceAdmin
from platform_site.admin.shown import link_to, moment, related_lists, table
from platform_site.admin.typed import ActionVariant, action, display


class GrantForm(BaseDialogForm):  # type: ignore[misc]  # the theme is untyped
    """How many credits, and why."""

    credits = forms.IntegerField(
        min_value=1,
        max_value=MAX_CREDITS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Credits to add to the team’s wallet.",
    )
    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextInputWidget,
        help_text="Recorded permanently in the ledger.",
    )


@admin.register(Team)
class TeamAdmin(ServiceAdmin):
    """A team's people and credits."""

    list_display = (
        "name",
        "slug",
        "shown_available",
        "shown_held",
        "shown_spent",
        moment("created_at"),
    )
    search_fields = ("name", "slug")
    date_hierarchy = "created_at"
    inlines = (MembersInline, NewMembersInline)
    prepopulated_fields = {"slug": ("name",)}
    actions_detail = ("grant_credits",)
    readonly_fields = ("created_at", "shown_books", "shown_limits", "shown_related")
    fieldsets = (
        (None, {"fields": ("name", "slug", "created_at")}),
        ("Credits", {"fields": ("shown_books", "shown_limits")}),
        ("Related", {"fields": ("shown_related",)}),
    )
    add_fieldsets = ((None, {"fields": ("name", "slug")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        """Add the books in the same query; keep the webhook's secret in the database."""
        return (
            teams_with_books()
            .order_by("name")
            .defer("webhook_secret_token", "webhook_old_secret_token")
        )

    @display(description="available", ordering="available")
    def shown_available(self, team: Any) -> int:
        """Return the wallet."""
        return int(team.available)

    @display(description="held", ordering="held")
    def shown_held(self, team: Any) -> int:
        """Return what is set aside."""
        return int(team.held)

    @display(description="spent", ordering="spent")
    def shown_spent(self, team: Any) -> int:
        """Return what was spent."""
        return int(team.spent)

    @display(description="books")
    def shown_books(self, team: Team) -> str | SafeString:
        """Return the team's sums."""
        books = books_of(team)
        figures = (books.granted, books.available, books.held, books.spent)
        return table(("Granted", "Available", "Held", "Spent"), [[f"{n:,}" for n in figures]])

    @display(description="spend limits")
    def shown_limits(self, team: Team) -> str | SafeString:
        """Return the team's limits and their use now."""
        rows = [
            (link_to(use.limit), f"{use.spent:,}", f"{use.held:,}", f"{use.left:,}")
            for use in limits_of("team", team.pk)
        ]
        return table(("Limit", "Spent", "Held", "Left"), rows)

    @display(description="related lists")
    def shown_related(self, team: Team) -> str | SafeString:
        """Return links to everything that is the team's."""
        return related_lists(team)

    def get_inlines(self, request: HttpRequest, obj: Team | None) -> Any:
        """Show members once there is a team."""
        return self.inlines if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: Team | None = None) -> Any:
        """Keep name and slug of a stored team: addresses and people know it by them."""
        return ("name", "slug", *self.readonly_fields) if obj else self.readonly_fields

    def get_prepopulated_fields(self, request: HttpRequest, obj: Team | None = None) -> Any:
        """Make the slug from the name, while there is one to make."""
        return {} if obj else self.prepopulated_fields

    def has_delete_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        """Refuse: the ledger names teams."""
        return False

    def has_grant_permission(self, request: HttpRequest, _obj: Any = None) -> bool:
        """Return whether the person may add to the ledger."""
        return request.user.has_perm("billing.add_transfer")

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        """Create a team; a stored one keeps its fields."""
        if not change:
            obj.pk = create_team(name=obj.name, slug=obj.slug, by=by_of(request)).pk

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Give new and changed roles."""
        for membership in formset.save(commit=False):
            save_role(request, membership)

    @action(
        description="Grant credits",
        icon="add_card",
        variant=ActionVariant.PRIMARY,
        permissions=["grant"],
        dialog={
            "title": "Grant credits",
            "description": "They are added to the team’s wallet now. This cannot be undone.",
            "form_class": GrantForm,
            "form_submit_text": "Grant credits",
        },
    )
    def grant_credits(self, request: HttpRequest, form: GrantForm, object_id: str) -> HttpResponse:
        """Add credits by the ledger."""

        def work(team: Team) -> str:
            amount: int = form.cleaned_data["credits"]
            reason: str = form.cleaned_data["reason"]
            grant(team=team, credits=amount, reason=reason, by=by_of(request))
            return f"Granted {amount:,} credits to {team}."

        return self.run_on(request, object_id, work)
