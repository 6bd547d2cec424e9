"""The books, read-only: accounts, transfers, holds, and what counts under which limit."""

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.admin.actors import ActorNames, actor_column
from accounts.subject_columns import SubjectNames, subject_column
from billing.models import Account, Hold, HoldWindow, SpendAlert, SpendWindow, Transfer
from billing.overview import wallets_below_mark
from platform_site.admin.base import ReadOnlyAdmin, ReadOnlyInline
from platform_site.admin.shown import (
    EMPTY,
    badge,
    badge_of,
    clean,
    link_to_subject,
    linked,
    moment,
    related_lists,
    roomy,
)
from platform_site.admin.typed import display

KIND_LABELS = {
    Transfer.Kind.GRANT: "success",
    Transfer.Kind.HOLD: "info",
    Transfer.Kind.SETTLE: "primary",
    Transfer.Kind.RELEASE: "default",
    Transfer.Kind.ADJUST: "warning",
}


class IsLowFilter(admin.SimpleListFilter):
    """Wallets below their alert threshold."""

    title = "balance"
    parameter_name = "low"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer one choice: who asks wants to see what runs low."""
        return [("yes", "below its alert threshold")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what was asked for."""
        if self.value() != "yes":
            return queryset
        return queryset.filter(pk__in=wallets_below_mark().order_by().values("pk"))


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """The four accounts of every team."""

    list_display = ("__str__", linked("team"), "kind", "shown_balance", "debits", "credits")
    list_filter = ("kind", IsLowFilter, "team")
    list_select_related = ("team",)
    search_fields = ("team__name", "team__slug")
    fields = (
        "team",
        "kind",
        "shown_balance",
        "debits",
        "credits",
        "low_at",
        "low_since",
        "shown_related",
    )

    @display(description="balance", ordering=F("credits") - F("debits"))
    def shown_balance(self, account: Account) -> int:
        """Return the credits in it."""
        return account.balance

    @display(description="related lists")
    def shown_related(self, account: Account) -> SafeString | str:
        """Return links to its transfers, both ways."""
        return related_lists(account)


@admin.register(Transfer)
class TransferAdmin(ActorNames, ReadOnlyAdmin):
    """Credits moving from one account to another, written once."""

    list_display = (
        moment("created_at"),
        "shown_kind",
        linked("team"),
        "amount",
        "shown_for",
        "shown_actor",
        "shown_reason",
    )
    list_filter = ("kind", "team")
    list_select_related = ("team", "hold")
    search_fields = ("actor", "reason", "request_id", "idempotency_key", "hold__subject_id")
    date_hierarchy = "created_at"
    fields = (
        "created_at",
        "kind",
        "team",
        "amount",
        "debit_account",
        "credit_account",
        "hold",
        "shown_actor",
        "shown_reason",
        "request_id",
        "idempotency_key",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transfer]:
        """Join the accounts' teams: their names are made of them."""
        rows: QuerySet[Transfer] = super().get_queryset(request)
        return rows.select_related("team", "hold", "debit_account__team", "credit_account__team")

    shown_actor = actor_column("actor")

    @display(description="for", ordering="hold__subject_id")
    def shown_for(self, transfer: Transfer) -> str | SafeString:
        """Return what its hold was taken for, as a link."""
        hold = transfer.hold
        return link_to_subject(hold.subject_kind, hold.subject_id) if hold else EMPTY

    @display(description="kind", ordering="kind")
    def shown_kind(self, transfer: Transfer) -> SafeString:
        """Return the kind in colour."""
        return badge_of(transfer, "kind", KIND_LABELS)

    @display(description="reason")
    def shown_reason(self, transfer: Transfer) -> SafeString:
        """Return the reason, cleaned: it may quote the vendor."""
        return roomy(clean(transfer.reason))


class TransferInline(ReadOnlyInline):
    """The entries of a hold."""

    model = Transfer
    fields = ("created_at", "kind", "amount", "shown_actor", "shown_reason", "page")
    shown_actor = actor_column("actor")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Join the team: an entry's name is made of it."""
        return super().get_queryset(request).select_related("team")

    @display(description="reason")
    def shown_reason(self, transfer: Transfer) -> SafeString:
        """Return the reason, cleaned."""
        return roomy(clean(transfer.reason))


class HoldWindowInline(ReadOnlyInline):
    """The limits that a hold counts under, each with its window."""

    model = HoldWindow
    ordering = ("pk",)
    fields = ("window", "shown_for")
    verbose_name_plural = "counts under"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Join the windows' limits: their names are made of them."""
        return super().get_queryset(request).select_related("window__limit", "hold")

    shown_for = subject_column("window__limit", label="for")


class IsOpenFilter(admin.SimpleListFilter):
    """Open or closed holds."""

    title = "status"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer both."""
        return [("yes", "held"), ("no", "spent or released")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep what was asked for."""
        if self.value() == "yes":
            return queryset.filter(closed_at=None)
        return queryset.exclude(closed_at=None) if self.value() == "no" else queryset


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    """Credits held until they are spent or released."""

    list_display = (
        moment("created_at"),
        linked("team"),
        "amount",
        "shown_standing",
        "settled",
        "released",
        "adjusted",
        "shown_subject",
        moment("closed_at"),
    )
    list_filter = (IsOpenFilter, "team")
    list_select_related = ("team",)
    search_fields = ("subject_id", "id__startswith")
    date_hierarchy = "created_at"
    inlines = (TransferInline, HoldWindowInline)
    fields = (
        "id",
        "team",
        "amount",
        "shown_standing",
        "settled",
        "released",
        "adjusted",
        "shown_subject",
        "created_at",
        "closed_at",
    )

    @display(description="status")
    def shown_standing(self, hold: Hold) -> SafeString:
        """Return how it closed, if it did."""
        if hold.is_open:
            return badge("held", "info")
        return badge("spent", "primary") if hold.spent else badge("released", "default")

    @display(description="for", ordering="subject_id")
    def shown_subject(self, hold: Hold) -> str | SafeString:
        """Return what it was taken for, as a link."""
        return link_to_subject(hold.subject_kind, hold.subject_id)


class WindowHoldInline(ReadOnlyInline):
    """The holds that count in a window."""

    model = HoldWindow
    ordering = ("pk",)
    fields = ("hold",)
    verbose_name_plural = "holds"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Join the holds."""
        return super().get_queryset(request).select_related("hold", "window")


@admin.register(SpendWindow)
class SpendWindowAdmin(SubjectNames, ReadOnlyAdmin):
    """What one limit counted in one window."""

    subject_path = "limit"
    list_display = (moment("starts_at"), linked("limit"), "shown_for", "held", "spent")
    list_filter = ("limit__window", "limit__subject_kind")
    list_select_related = ("limit",)
    search_fields = ("limit__subject_id",)
    date_hierarchy = "starts_at"
    inlines = (WindowHoldInline,)
    fields = ("limit", "shown_for", "starts_at", "held", "spent")

    shown_for = subject_column("limit", label="for")


@admin.register(HoldWindow)
class HoldWindowAdmin(SubjectNames, ReadOnlyAdmin):
    """Which hold counts in which window."""

    subject_path = "window__limit"
    list_display = ("id", linked("hold"), linked("window"), "shown_for")
    list_select_related = ("hold", "window__limit")
    search_fields = ("hold__subject_id", "hold__id__startswith")
    fields = ("hold", "window", "shown_for")

    shown_for = subject_column("window__limit", label="for")

    def get_queryset(self, request: HttpRequest) -> QuerySet[HoldWindow]:
        """Join what the names are made of."""
        rows: QuerySet[HoldWindow] = super().get_queryset(request)
        return rows.select_related("hold", "window__limit")


@admin.register(SpendAlert)
class SpendAlertAdmin(SubjectNames, ReadOnlyAdmin):
    """Which threshold people were notified of, once per window."""

    subject_path = "window__limit"
    list_display = (moment("created_at"), "shown_threshold", linked("window"), "shown_for")
    list_filter = ("threshold", "window__limit__window", "window__limit__subject_kind")
    search_fields = ("window__limit__subject_id",)
    date_hierarchy = "created_at"
    fields = ("created_at", "shown_threshold", "window", "shown_for")

    shown_for = subject_column("window__limit", label="for")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SpendAlert]:
        """Join what the names are made of."""
        rows: QuerySet[SpendAlert] = super().get_queryset(request)
        return rows.select_related("window__limit")

    @display(description="threshold", ordering="threshold")
    def shown_threshold(self, alert: SpendAlert) -> str:
        """Return how much of the limit was used."""
        return f"{alert.threshold}%"
