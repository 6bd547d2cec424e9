"""Prices: announced for a later time, after a preview of whom they affect, and never changed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString

from accounts.people import by_of
from billing.models import Rate
from billing.services.rates import schedule_rate, withdraw_rate
from generations.catalog import PricePreview, Share, preview_rate
from platform_site.admin.services import ServiceAdmin
from platform_site.admin.shown import badge, link_to_subject, moment, table
from platform_site.admin.typed import display

_MOST_ROWS = 20  # of each table


@admin.register(Rate)
class RateAdmin(ServiceAdmin):
    """Credits per second, each from a certain time. A new price is a new row."""

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

    @display(description="status")
    def shown_standing(self, rate: Rate) -> SafeString:
        """Return whether it can still be withdrawn."""
        is_coming = rate.effective_from > timezone.now()
        return badge("announced", "info") if is_coming else badge("current or past", "default")

    def has_change_permission(self, request: HttpRequest, obj: Rate | None = None) -> bool:
        """Refuse: a change of price is a new row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Rate | None = None) -> bool:
        """Let an announcement be withdrawn, a current price never."""
        if isinstance(obj, Rate) and obj.effective_from <= timezone.now():
            return False
        return bool(super().has_delete_permission(request, obj))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Restore typed values from the preview's link."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        if "effective_from" in initial:
            initial["effective_from"] = parse_datetime(initial["effective_from"])
        return initial

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show whom a well-formed price affects; announce it once that was confirmed."""
        asks = request.method == "POST" and "_confirmed" not in request.POST
        if asks and self.has_add_permission(request):
            form = self.get_form(request)(request.POST)
            if form.is_valid():
                return self._preview(request, form)
        return super().add_view(request, form_url, extra_context)

    def _preview(self, request: HttpRequest, form: Any) -> HttpResponse:
        price = form.cleaned_data
        preview = preview_rate(
            model=price["model"],
            resolution=price["resolution"],
            audio=price["audio"],
            credits_per_second=price["credits_per_second"],
            now=timezone.now(),
        )
        again = QueryDict(mutable=True)
        again.update({name: str(value) for name, value in price.items() if value is not False})
        again["effective_from"] = price["effective_from"].isoformat()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Announce this price?",
            "form": form,
            "rate": form.instance,
            "preview": preview,
            "saved": -preview.total.difference,
            "tables": _tables(preview),
            "again": f"{reverse('admin:billing_rate_add')}?{again.urlencode()}",
        }
        return TemplateResponse(request, "admin/billing/rate/preview.html", context)

    def save_model(self, request: HttpRequest, obj: Rate, form: Any, change: bool) -> None:
        """Announce the price."""
        rate = schedule_rate(
            model=obj.model,
            resolution=obj.resolution,
            audio=obj.audio,
            credits_per_second=obj.credits_per_second,
            effective_from=obj.effective_from,
            by=by_of(request),
            now=timezone.now(),
        )
        obj.pk = rate.pk

    def delete_model(self, request: HttpRequest, obj: Rate) -> None:
        """Withdraw an announcement."""
        withdraw_rate(rate=obj, by=by_of(request), now=timezone.now())


def _tables(preview: PricePreview) -> list[tuple[str, str, Any]]:
    """Return title, what is said when empty, and table of each part of a preview."""
    waiting = [
        (
            link_to_subject("generation", str(one.id)),
            one.team,
            one.state.label,
            f"{one.seconds} s",
            f"{one.credits:,}",
            f"{one.credits_new:,}",
        )
        for one in preview.waiting[:_MOST_ROWS]
    ]
    headers = ("Generation", "Team", "State", "Length", "Price", "At the new price")
    return [
        ("Teams", "No team created such films.", _shares("Team", preview.teams, with_team=False)),
        ("People", "Nobody created such films.", _shares("Person", preview.members)),
        ("Projects", "No project had such films.", _shares("Project", preview.projects)),
        (
            f"{preview.waiting_count:,} waiting now; they keep their price",
            "Nothing is waiting.",
            table(headers, waiting) if waiting else "",
        ),
    ]


def _shares(who: str, shares: tuple[Share, ...], *, with_team: bool = True) -> Any:
    if not shares:
        return ""
    rows = [
        (
            one.name,
            *((one.team,) if with_team else ()),
            f"{one.films:,}",
            f"{one.seconds:,} s",
            f"{one.credits_then:,}",
            f"{one.credits_new:,}",
            f"{one.difference:+,}",
        )
        for one in shares[:_MOST_ROWS]
    ]
    team = ("Team",) if with_team else ()
    return table((who, *team, "Films", "Length", "Paid", "At the new price", "Change"), rows)
