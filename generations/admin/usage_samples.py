"""The vendor's usage beside our books: samples to read, discrepancies to explain."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.admin.actors import ActorNames, actor_column
from accounts.people import by_of
from generations.admin.choosing import ReasonForm
from generations.models import Discrepancy, UsageSample
from generations.reconciliation import accept_discrepancy
from platform_site.admin.base import ReadOnlyAdmin
from platform_site.admin.services import ServiceAdmin
from platform_site.admin.shown import (
    EMPTY,
    badge,
    clean,
    link_to_subject,
    linked,
    moment,
    roomy,
)
from platform_site.admin.typed import ActionVariant, action, display


@admin.register(UsageSample)
class UsageSampleAdmin(ReadOnlyAdmin):
    """One look at a key's usage, with our own sums of that moment."""

    list_display = (
        moment("taken_at"),
        linked("provider_key"),
        "balance",
        "charged",
        "refunded",
        "in_flight",
        "unknown",
        "discrepancy",
        "verdict",
    )
    list_filter = ("verdict", "is_baseline", "provider_key__team")
    search_fields = ("provider_key__label", "provider_key__last4", "provider_key__team__name")
    date_hierarchy = "taken_at"
    fields = (
        "provider_key",
        "taken_at",
        ("balance", "total_purchased", "total_consumed"),
        ("charged", "refunded", "in_flight", "unknown"),
        "stable",
        "is_baseline",
        "discrepancy",
        "reading",
        "verdict",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[UsageSample]:
        """Join the keys; leave their tokens in the database."""
        rows: QuerySet[UsageSample] = super().get_queryset(request)
        return rows.select_related("provider_key__team", "provider_key__owner").defer(
            "provider_key__secret_token"
        )


@admin.register(Discrepancy)
class DiscrepancyAdmin(ActorNames, ReadOnlyAdmin, ServiceAdmin):
    """Credits by which usage and books differ. Closing one moves no credits."""

    list_display = (
        moment("opened_at"),
        linked("provider_key"),
        linked("provider_key__team", order="provider_key__team"),
        "shown_credits",
        "verdict",
        "shown_standing",
        "shown_detail",
    )
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "verdict", "provider_key__team")
    search_fields = (
        "provider_key__label",
        "provider_key__last4",
        "provider_key__team__name",
        "closed_by",
    )
    date_hierarchy = "opened_at"
    actions_detail = ("accept",)
    fields = (
        "provider_key",
        "shown_credits",
        "verdict",
        "shown_detail",
        "shown_candidates",
        "since",
        "opened_at",
        "seen_at",
        "shown_standing",
        "closed_at",
        "shown_closed_by",
        "shown_closing",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Discrepancy]:
        """Join the keys; leave their tokens in the database."""
        rows: QuerySet[Discrepancy] = super().get_queryset(request)
        return rows.select_related("provider_key__team", "provider_key__owner").defer(
            "provider_key__secret_token"
        )

    actor_field = "closed_by"
    shown_closed_by = actor_column("closed_by")

    @display(description="credits", ordering="credits")
    def shown_credits(self, discrepancy: Discrepancy) -> str:
        """Return the credits with their sign: above 0 the vendor charged more than we know of."""
        return f"{discrepancy.credits:+,}"

    @display(description="status", ordering="closed_at")
    def shown_standing(self, discrepancy: Discrepancy) -> SafeString:
        """Return whether it is still to be explained."""
        return badge("open", "warning") if discrepancy.is_open else badge("closed", "default")

    @display(description="detail")
    def shown_detail(self, discrepancy: Discrepancy) -> SafeString:
        """Return what the figures say."""
        return roomy(clean(discrepancy.detail))

    @display(description="candidates")
    def shown_candidates(self, discrepancy: Discrepancy) -> str | SafeString:
        """Return links to the generations that it may come from."""
        links = ((link_to_subject("generation", one),) for one in discrepancy.candidates)
        return format_html_join(" · ", "{}", links) or EMPTY

    @display(description="reason")
    def shown_closing(self, discrepancy: Discrepancy) -> SafeString:
        """Return why it is closed."""
        return roomy(clean(discrepancy.closing))

    def buttons_for(self, object_id: str) -> frozenset[str]:
        """Offer to close what is open."""
        is_open = Discrepancy.objects.filter(pk=object_id, closed_at=None).exists()
        return frozenset({"accept"} if is_open else ())

    @action(
        description="Close discrepancy",
        icon="task_alt",
        variant=ActionVariant.PRIMARY,
        permissions=["operate"],
        dialog={
            "title": "Close this discrepancy?",
            "description": "It counts as explained, and later ones are measured from here. No "
            "credits move: correct the generation that it comes from first.",
            "form_class": ReasonForm,
            "form_submit_text": "Close discrepancy",
        },
    )
    def accept(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        """Close it with a reason."""

        def work(discrepancy: Discrepancy) -> str:
            reason: str = form.cleaned_data["reason"]
            accept_discrepancy(discrepancy, by=by_of(request), reason=reason, now=timezone.now())
            return f"Discrepancy closed: {discrepancy}"

        return self.run_on(request, object_id, work)
