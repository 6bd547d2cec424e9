"""API keys: created here, shown once, disabled, enabled and deleted."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget

from accounts.api_keys import delete_api_key, set_enabled
from accounts.models import ApiKey
from accounts.people import by_of
from billing.selectors import limits_of
from billing.services.api_keys import issue_api_key
from platform_site.admin.services import ConfirmForm, ServiceAdmin, show_outcomes
from platform_site.admin.shown import (
    EMPTY,
    badge,
    link_to,
    linked,
    moment,
    related_lists,
    table,
    unbroken,
)
from platform_site.admin.typed import ActionVariant, action, display

_STANDING_LABELS = {
    "live": "success",
    "disabled": "warning",
    "expired": "warning",
    "deleted": "default",
}


def _cap(words: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=words,
        min_value=0,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Leave empty for no limit.",
    )


class IssueForm(forms.ModelForm):  # type: ignore[type-arg]
    """What `issue_api_key` asks for."""

    allowed_networks = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Up to 10 IP addresses or CIDR ranges, one per line. Leave empty for any.",
    )
    hourly = _cap("Credits per hour")
    daily = _cap("Credits per day")
    total = _cap("Credits in total")

    class Meta:
        model = ApiKey
        fields = ("team", "owner", "label", "expires_at", "requests_per_minute")

    def clean_allowed_networks(self) -> list[str]:
        """Read a network a line; the service judges them."""
        text: str = self.cleaned_data["allowed_networks"]
        return text.split()


class StandingFilter(admin.SimpleListFilter):
    """Whether a key works."""

    title = "status"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer each status."""
        return [(name, name) for name in _STANDING_LABELS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what was asked for."""
        expired = Q(expires_at__lte=timezone.now())
        kept = Q(deleted_at=None)
        wanted = {
            "live": kept & Q(enabled=True) & ~expired,
            "disabled": kept & Q(enabled=False),
            "expired": kept & Q(enabled=True) & expired,
            "deleted": ~kept,
        }.get(self.value() or "")
        return queryset.filter(wanted) if wanted is not None else queryset


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceAdmin):
    """Keys by which internal tools call us."""

    form = IssueForm
    list_display = (
        "label",
        linked("team"),
        linked("owner"),
        "shown_end",
        "shown_standing",
        "requests_per_minute",
        moment("last_used_at"),
        moment("created_at"),
    )
    list_filter = (StandingFilter, "team")
    list_select_related = ("team", "owner")
    search_fields = ("label", "last4", "owner__email", "team__name", "team__slug")
    date_hierarchy = "created_at"
    autocomplete_fields = ("team", "owner")
    actions = ("disable_selected", "enable_selected")
    actions_detail = ("disable", "enable")
    fieldsets = (
        (None, {"fields": ("label", "team", "owner", "shown_end", "shown_standing")}),
        ("Rules", {"fields": ("shown_networks", "requests_per_minute", "shown_limits")}),
        ("Dates", {"fields": ("created_at", "expires_at", "last_used_at", "deleted_at")}),
        ("Related", {"fields": ("shown_related",)}),
    )
    add_fieldsets = (
        (None, {"fields": ("team", "owner", "label")}),
        ("Rules", {"fields": ("expires_at", "allowed_networks", "requests_per_minute")}),
        ("Spend limits", {"fields": ("hourly", "daily", "total")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """Keep prefix and digest in the database."""
        keys: QuerySet[ApiKey] = super().get_queryset(request)
        return keys.select_related("team", "owner").defer("prefix", "digest")

    @display(description="key")
    def shown_end(self, key: ApiKey) -> SafeString:
        """Return the last four characters, which tell keys apart."""
        return unbroken(f"…{key.last4}")

    @display(description="status")
    def shown_standing(self, key: ApiKey) -> SafeString:
        """Return whether it works."""
        is_over = key.expires_at is not None and key.expires_at <= timezone.now()
        if key.deleted_at is not None:
            standing = "deleted"
        elif not key.enabled:
            standing = "disabled"
        else:
            standing = "expired" if is_over else "live"
        return badge(standing, _STANDING_LABELS[standing])

    @display(description="allowed networks")
    def shown_networks(self, key: ApiKey) -> str:
        """Return the networks in a line."""
        return ", ".join(key.allowed_networks) or "Any"

    @display(description="spend limits")
    def shown_limits(self, key: ApiKey) -> str | SafeString:
        """Return this key's limits and their use now."""
        rows = [
            (link_to(use.limit), f"{use.spent:,}", f"{use.held:,}", f"{use.left:,}")
            for use in limits_of("api_key", key.pk)
        ]
        return table(("Limit", "Spent", "Held", "Left"), rows)

    @display(description="related lists")
    def shown_related(self, key: ApiKey) -> str | SafeString:
        """Return links to what was done with it."""
        return related_lists(key) or EMPTY

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Refuse: what a key may do is decided when it is created."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Let a key be deleted once."""
        if isinstance(obj, ApiKey) and obj.deleted_at is not None:
            return False
        return bool(super().has_delete_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Create the key and show its text once."""
        typed = form.cleaned_data
        key, text = issue_api_key(
            team=typed["team"],
            owner=typed["owner"],
            label=typed["label"],
            by=by_of(request),
            hourly=typed["hourly"],
            daily=typed["daily"],
            total=typed["total"],
            expires_at=typed["expires_at"],
            allowed_networks=typed["allowed_networks"],
            requests_per_minute=typed["requests_per_minute"],
        )
        obj.pk, obj.last4 = key.pk, key.last4
        words = "Copy this key now. It is not shown again: {}"
        messages.warning(request, format_html(words, format_html("<code>{}</code>", text)))

    def delete_model(self, request: HttpRequest, obj: ApiKey) -> None:
        """Delete the key; its row stays."""
        delete_api_key(api_key=obj, by=by_of(request))

    def buttons_for(self, object_id: str) -> frozenset[str]:
        """Offer the switch that changes something."""
        key = ApiKey.objects.filter(pk=object_id, deleted_at=None).first()
        if key is None:
            return frozenset()
        return frozenset({"disable" if key.enabled else "enable"})

    def _switch(self, request: HttpRequest, key: ApiKey, *, enabled: bool) -> str:
        set_enabled(api_key=key, enabled=enabled, by=by_of(request))
        return f"{key} is {'enabled' if enabled else 'disabled'}."

    @admin.action(description="Disable selected keys", permissions=["operate"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Switch keys off."""
        kept = queryset.filter(deleted_at=None)
        show_outcomes(request, kept, lambda key: self._switch(request, key, enabled=False))

    @admin.action(description="Enable selected keys", permissions=["operate"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Switch keys on."""
        kept = queryset.filter(deleted_at=None)
        show_outcomes(request, kept, lambda key: self._switch(request, key, enabled=True))

    @action(
        description="Disable key",
        icon="key_off",
        variant=ActionVariant.WARNING,
        permissions=["operate"],
        dialog={
            "title": "Disable this key?",
            "description": "Requests with it are refused until it is enabled again.",
            "form_class": ConfirmForm,
            "form_submit_text": "Disable key",
        },
    )
    def disable(self, request: HttpRequest, _form: ConfirmForm, object_id: str) -> HttpResponse:
        """Switch the key off."""
        return self.run_on(
            request,
            object_id,
            lambda key: self._switch(request, key, enabled=False),
            deleted_at=None,
        )

    @action(
        description="Enable key",
        icon="key",
        permissions=["operate"],
        dialog={
            "title": "Enable this key?",
            "description": "Requests with it are accepted again.",
            "form_class": ConfirmForm,
            "form_submit_text": "Enable key",
        },
    )
    def enable(self, request: HttpRequest, _form: ConfirmForm, object_id: str) -> HttpResponse:
        """Switch the key on."""
        return self.run_on(
            request,
            object_id,
            lambda key: self._switch(request, key, enabled=True),
            deleted_at=None,
        )
