"""Prices: announced for a coming moment, never changed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.admin.acting import actor_of
from billing.models import Rate
from billing.services.rates import schedule_rate, withdraw_rate
from platform_site.admin.services import ServiceAdmin
from platform_site.admin.shown import badge, moment
from platform_site.admin.typed import display


@admin.register(Rate)
class RateAdmin(ServiceAdmin):
    """Credits a second, each from a moment on. A new price is a new row."""

    list_display = (
        "model",
        "resolution",
        "audio",
        "credits_per_second",
        moment("effective_from"),
        "shown_standing",
    )
    list_filter = ("model", "resolution", "audio")
    search_fields = ("model", "resolution")
    date_hierarchy = "effective_from"
    fields = ("model", "resolution", "audio", "credits_per_second", "effective_from")

    @display(description="standing")
    def shown_standing(self, rate: Rate) -> SafeString:
        """Tell whether it can still be taken back."""
        is_coming = rate.effective_from > timezone.now()
        return badge("announced", "info") if is_coming else badge("in force or past", "default")

    def has_change_permission(self, request: HttpRequest, obj: Rate | None = None) -> bool:
        """Refuse: a change of price is a new row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Rate | None = None) -> bool:
        """Let an announcement be taken back, a price in force never."""
        if isinstance(obj, Rate) and obj.effective_from <= timezone.now():
            return False
        return bool(super().has_delete_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: Rate, form: Any, change: bool) -> None:
        """Announce the price."""
        rate = schedule_rate(
            model=obj.model,
            resolution=obj.resolution,
            audio=obj.audio,
            credits_per_second=obj.credits_per_second,
            effective_from=obj.effective_from,
            actor=actor_of(request),
            now=timezone.now(),
        )
        obj.pk = rate.pk

    def delete_model(self, request: HttpRequest, obj: Rate) -> None:
        """Take an announcement back."""
        withdraw_rate(rate=obj, actor=actor_of(request), now=timezone.now())
