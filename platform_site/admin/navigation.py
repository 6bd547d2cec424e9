"""The admin's sidebar: every list that the person may see, in four groups."""

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse


class Entry(NamedTuple):
    """One list: its words, its icon (Material Symbols), whose rows they are, and which of them."""

    title: str
    icon: str
    app: str
    model: str
    query: str = ""


GROUPS: dict[str, tuple[Entry, ...]] = {
    "People": (
        Entry("Teams", "groups", "accounts", "team"),
        Entry("Members", "badge", "accounts", "membership"),
        Entry("People", "person", "accounts", "user"),
        Entry("Projects", "folder", "accounts", "project"),
        Entry("API keys", "key", "accounts", "apikey"),
        Entry("Notifications", "notifications", "accounts", "notice"),
        Entry("Permission groups", "shield_person", "auth", "group"),
        Entry("Audit trail", "history_edu", "accounts", "auditevent"),
    ),
    "Credits": (
        Entry("Accounts", "account_balance_wallet", "billing", "account"),
        Entry("Ledger", "receipt_long", "billing", "transfer"),
        Entry("Holds", "lock_clock", "billing", "hold"),
        Entry("Holds per limit", "view_timeline", "billing", "holdwindow"),
        Entry("Spend limits", "speed", "billing", "spendlimit"),
        Entry("Use of limits", "hourglass", "billing", "spendwindow"),
        Entry("Spend alerts", "campaign", "billing", "spendalert"),
        Entry("Approval rules", "rule", "generations", "approvalthreshold"),
        Entry("Prices", "sell", "billing", "rate"),
        Entry("Discrepancies", "balance", "generations", "discrepancy"),
        Entry("Usage samples", "monitoring", "generations", "usagesample"),
    ),
    "Films": (
        Entry("Generations", "movie", "generations", "generation"),
        Entry("Needs review", "gavel", "generations", "generation", "?state__exact=needs_review"),
        Entry("Approval requests", "approval", "generations", "approval"),
        Entry("Films", "video_library", "generations", "film"),
        Entry("Lost films", "heart_broken", "generations", "film", "?state__exact=given_up"),
        Entry("Retention", "auto_delete", "generations", "retentionrule"),
        Entry("Stored files", "folder_copy", "generations", "storedfile"),
        Entry("Generation events", "timeline", "generations", "generationevent"),
        Entry("Callbacks", "call_received", "generations", "callbackreceipt"),
        Entry("Uploads", "image", "generations", "upload"),
        Entry("Provider keys", "vpn_key", "generations", "providerkey"),
        Entry("Models", "category", "generations", "videomodel"),
    ),
    "Background": (
        Entry("Webhook deliveries", "webhook", "accounts", "webhookdelivery"),
        Entry("Delivery attempts", "outgoing_mail", "accounts", "webhookattempt"),
        Entry("Webhook endpoints", "hub", "accounts", "webhookendpoint"),
        Entry("Slow hosts", "hourglass_empty", "accounts", "hostbackoff"),
        Entry("Background queue", "pending_actions", "django_q", "ormq"),
        Entry("Failed background jobs", "error", "django_q", "failure"),
        Entry("Schedules", "schedule", "django_q", "schedule"),
        Entry("Clusters", "dns", "platform_site", "cluster"),
        Entry("Heartbeats", "monitor_heart", "platform_site", "heartbeat"),
    ),
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar's groups; what Django's permissions hide is not in it."""
    home = {"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}
    groups = [
        {"title": title, "collapsible": False, "items": _items(request, entries)}
        for title, entries in GROUPS.items()
    ]
    return [{"items": [home]}, *(group for group in groups if group["items"])]


def favicon(_request: HttpRequest) -> str:
    """Return the address of the site's mark."""
    return static("dailies/mark.svg")


def style(_request: HttpRequest) -> str:
    """Return the address of what our style adds to the theme's."""
    return static("dailies/css/admin.css")


def _items(request: HttpRequest, entries: tuple[Entry, ...]) -> list[dict[str, Any]]:
    return [
        _item(request, entry)
        for entry in entries
        if request.user.has_module_perms(entry.app) and _may_see(request, entry)
    ]


def _item(request: HttpRequest, entry: Entry) -> dict[str, Any]:
    path = reverse(f"admin:{entry.app}_{entry.model}_changelist")
    item: dict[str, Any] = {"title": entry.title, "icon": entry.icon, "link": path + entry.query}
    if entry.query:
        # The theme goes by the path alone, and would light up for the whole list.
        asked = request.META.get("QUERY_STRING", "")
        item["active"] = request.path == path and entry.query.removeprefix("?") in asked
    return item


def _may_see(request: HttpRequest, entry: Entry) -> bool:
    user = request.user
    return any(user.has_perm(f"{entry.app}.{verb}_{entry.model}") for verb in ("view", "change"))
