"""Provider keys: added, paused and resumed, with their send rates; secrets are never shown."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.people import by_of
from accounts.selectors import membership_of
from billing.selectors import limits_of
from generations.admin.choosing import with_provider_choice
from generations.models import ProviderKey
from generations.provider_keys import (
    add_provider_key,
    delete_provider_key,
    in_flight,
    pause_provider_key,
    queued_with,
    resume_provider_key,
    set_send_rate,
)
from generations.vendors import DEFAULT_VENDOR, vendor_named
from platform_site.admin.services import ConfirmForm, ServiceAdmin, show_outcomes
from platform_site.admin.shown import (
    badge_of,
    clean,
    link_to,
    linked,
    moment,
    related_lists,
    roomy,
    table,
    unbroken,
)
from platform_site.admin.typed import ActionVariant, action, display

_STATE_LABELS = {
    ProviderKey.State.ACTIVE: "success",
    ProviderKey.State.PAUSED: "warning",
    ProviderKey.State.SEALED: "default",
}


_SANDBOX = vendor_named(DEFAULT_VENDOR).sandbox_key_start


def why_paused(key: ProviderKey) -> str:
    """Return why a key is paused and what was said of it, cleaned: it may quote the vendor."""
    said = ": ".join(filter(None, (key.pause_code, key.pause_note)))
    return clean(". ".join(filter(None, (key.get_pause_reason_display(), said))))


class VaultForm(forms.ModelForm):  # type: ignore[type-arg]
    """A key to vault. What is typed goes to the vault and nowhere else."""

    secret = forms.CharField(
        label="Key",
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=f"Your key at the vendor, or one that starts with {_SANDBOX}. Never shown again.",
    )

    class Meta:
        model = ProviderKey
        fields = ("vendor", "team", "owner", "label")

    def clean(self) -> dict[str, Any]:
        """Check that the key's owner is in its team."""
        typed = super().clean() or {}
        team, owner = typed.get("team"), typed.get("owner")
        if team and owner and membership_of(owner, team) is None:
            self.add_error("owner", f"{owner} is not a member of {team}.")
        return typed


class PauseForm(BaseDialogForm):  # type: ignore[misc]  # the theme is untyped
    """Why nothing is to be sent with a key."""

    reason = forms.CharField(max_length=300, widget=UnfoldAdminTextInputWidget)


class SendRateForm(BaseDialogForm):  # type: ignore[misc]  # the theme is untyped
    """How quickly a key may send; what may be typed is the service's to judge."""

    max_in_flight = forms.IntegerField(
        label="Concurrent generations", min_value=1, widget=UnfoldAdminIntegerFieldWidget
    )
    per_minute = forms.IntegerField(
        label="Sent per minute",
        min_value=1,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Leave empty for no limit.",
    )


@admin.register(ProviderKey)
class ProviderKeyAdmin(ServiceAdmin):
    """Provider keys: added, paused, resumed and deleted; never shown and never changed."""

    form = VaultForm
    list_display = (
        "label",
        "shown_end",
        linked("team"),
        "shown_owner",
        "shown_state",
        "shown_reason",
        "endpoint",
        "sent_count",
        moment("created_at"),
    )
    list_filter = ("state", "endpoint", "team")
    search_fields = ("label", "last4", "owner__email", "team__name", "team__slug")
    date_hierarchy = "created_at"
    autocomplete_fields = ("team", "owner")
    actions = ("resume_selected",)
    actions_detail = ("pause", "resume", "send_rate")
    fieldsets = (
        (None, {"fields": ("label", "shown_end", "team", "shown_owner", "endpoint", "created_at")}),
        (
            "State",
            {"fields": ("shown_state", "shown_reason", "shown_probe", "next_probe_at", "probes")},
        ),
        (
            "Sending",
            {
                "fields": (
                    "max_in_flight",
                    "per_minute",
                    "shown_load",
                    "next_send_at",
                    "send_failures",
                )
            },
        ),
        ("Spending", {"fields": ("shown_limits",)}),
        ("Related", {"fields": ("shown_related",)}),
    )
    add_fieldsets = ((None, {"fields": ("team", "owner", "label", "secret")}),)

    def get_fieldsets(self, request: HttpRequest, obj: ProviderKey | None = None) -> Any:
        """Name the vendor where there are several."""
        return with_provider_choice(super().get_fieldsets(request, obj))

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProviderKey]:
        """Count the generations in the same query; keep the token in the database."""
        keys: QuerySet[ProviderKey] = super().get_queryset(request)
        return (
            keys.select_related("team", "owner")
            .defer("secret_token")
            .annotate(generation_count=Count("generations"))
        )

    @display(description="key")
    def shown_end(self, key: ProviderKey) -> SafeString:
        """Return the last four characters, which tell keys apart."""
        return unbroken(f"…{key.last4}")

    @display(description="owner", ordering="owner")
    def shown_owner(self, key: ProviderKey) -> str | SafeString:
        """Return whose it is."""
        return "The whole team" if key.is_shared else link_to(key.owner)

    @display(description="state", ordering="state")
    def shown_state(self, key: ProviderKey) -> SafeString:
        """Return the state in colour."""
        return badge_of(key, "state", _STATE_LABELS)

    @display(description="pause reason")
    def shown_reason(self, key: ProviderKey) -> SafeString:
        """Return why it is paused."""
        return roomy(why_paused(key))

    @display(description="last probe")
    def shown_probe(self, key: ProviderKey) -> SafeString:
        """Return why the last probe failed, cleaned: it may quote the vendor."""
        return roomy(clean(key.probe_problem))

    @display(description="generations", ordering="generation_count")
    def sent_count(self, key: Any) -> int:
        """Return how many generations were sent with it."""
        return int(key.generation_count)

    @display(description="load")
    def shown_load(self, key: ProviderKey) -> str:
        """Return what it has at the vendor, and what waits for it."""
        return f"{in_flight(key.pk):,} at the vendor, {queued_with(key.pk):,} queued"

    @display(description="spend limits")
    def shown_limits(self, key: ProviderKey) -> str | SafeString:
        """Return this key's limits and their use now."""
        rows = [
            (link_to(use.limit), f"{use.spent:,}", f"{use.held:,}", f"{use.left:,}")
            for use in limits_of("provider_key", key.pk)
        ]
        return table(("Limit", "Spent", "Held", "Left"), rows)

    @display(description="related lists")
    def shown_related(self, key: ProviderKey) -> str | SafeString:
        """Return links to what was sent with it."""
        return related_lists(key)

    def has_change_permission(self, request: HttpRequest, obj: ProviderKey | None = None) -> bool:
        """Refuse: a key is vaulted or deleted, never edited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ProviderKey | None = None) -> bool:
        """Let a key be deleted once."""
        if isinstance(obj, ProviderKey) and obj.state == ProviderKey.State.SEALED:
            return False
        return bool(super().has_delete_permission(request, obj))

    @method_decorator(sensitive_post_parameters("secret"))
    def changeform_view(self, *args: Any, **kwargs: Any) -> Any:
        """Keep the typed key out of error reports."""
        return super().changeform_view(*args, **kwargs)

    def save_model(self, request: HttpRequest, obj: ProviderKey, form: Any, change: bool) -> None:
        """Vault the key."""
        typed = form.cleaned_data
        key = add_provider_key(
            team=typed["team"],
            owner=typed["owner"],
            secret=typed["secret"],
            label=typed["label"],
            vendor=typed.get("vendor", DEFAULT_VENDOR),
            by=by_of(request),
        )
        obj.pk, obj.last4 = key.pk, key.last4

    def delete_model(self, request: HttpRequest, obj: ProviderKey) -> None:
        """Seal the key; its row stays, and its secret goes after its last generation."""
        delete_provider_key(obj, by=by_of(request))

    def buttons_for(self, object_id: str) -> frozenset[str]:
        """Offer what the key's state allows."""
        key = ProviderKey.objects.filter(pk=object_id).first()
        state = key.state if key else ProviderKey.State.SEALED
        names = {
            ProviderKey.State.ACTIVE: {"pause", "send_rate"},
            ProviderKey.State.PAUSED: {"resume", "send_rate"},
        }
        return frozenset(names.get(ProviderKey.State(state), set()))

    def _resume(self, request: HttpRequest, key: ProviderKey) -> str:
        resumed = resume_provider_key(key, by=by_of(request), now=timezone.now())
        return (
            f"{key} is active. Its queued generations are sent now."
            if resumed
            else f"{key} was not paused."
        )

    @admin.action(description="Resume selected keys", permissions=["operate"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[ProviderKey]) -> None:
        """Send with paused keys again."""
        paused = queryset.filter(state=ProviderKey.State.PAUSED)
        show_outcomes(request, paused, lambda key: self._resume(request, key))

    @action(
        description="Resume key",
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
        permissions=["operate"],
        dialog={
            "title": "Resume this key?",
            "description": "Its queued generations are sent now.",
            "form_class": ConfirmForm,
            "form_submit_text": "Resume key",
        },
    )
    def resume(self, request: HttpRequest, _form: ConfirmForm, object_id: str) -> HttpResponse:
        """Send with a paused key again."""
        return self.run_on(request, object_id, lambda key: self._resume(request, key))

    @action(
        description="Pause key",
        icon="pause",
        variant=ActionVariant.WARNING,
        permissions=["operate"],
        dialog={
            "title": "Pause this key?",
            "description": "Nothing is sent with it until somebody resumes it. Its generations "
            "stay queued and their credits held. Generations already at the vendor continue.",
            "form_class": PauseForm,
            "form_submit_text": "Pause key",
        },
    )
    def pause(self, request: HttpRequest, form: PauseForm, object_id: str) -> HttpResponse:
        """Stop sending with a key."""

        def work(key: ProviderKey) -> str:
            reason: str = form.cleaned_data["reason"]
            paused = pause_provider_key(key, reason=reason, by=by_of(request))
            return f"{key} is paused." if paused else f"{key} was not active."

        return self.run_on(request, object_id, work)

    @action(
        description="Set send rate",
        icon="speed",
        permissions=["operate"],
        dialog={
            "title": "Set this key’s send rate?",
            "description": "Applies from the next send. Generations at the vendor continue.",
            "form_class": SendRateForm,
            "form_submit_text": "Set send rate",
        },
    )
    def send_rate(self, request: HttpRequest, form: SendRateForm, object_id: str) -> HttpResponse:
        """Set how many a key may send at once and per minute."""

        def work(key: ProviderKey) -> str:
            set_send_rate(
                key,
                max_in_flight=form.cleaned_data["max_in_flight"],
                per_minute=form.cleaned_data["per_minute"],
                by=by_of(request),
            )
            return f"{key} has its new send rate."

        return self.run_on(request, object_id, work)
