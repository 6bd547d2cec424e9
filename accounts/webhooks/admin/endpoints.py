"""A team's webhook endpoints: added in the portal, enabled, disabled and deleted here too."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.models import HostBackoff, WebhookEndpoint
from accounts.people import by_of
from accounts.webhooks.endpoints import remove_endpoint, set_endpoint_enabled
from accounts.webhooks.outbox import put_test
from platform_site.admin.base import ReadOnlyAdmin
from platform_site.admin.services import ConfirmForm, ServiceAdmin
from platform_site.admin.shown import address, linked, moment, related_lists
from platform_site.admin.typed import ActionVariant, action, display


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ServiceAdmin):
    """Where a team's events are sent; shown without what clients hide in a URL."""

    list_display = (
        "__str__",
        linked("team"),
        "shown_events",
        "enabled",
        moment("failing_since"),
        moment("created_at"),
    )
    list_filter = ("enabled", "team")
    list_select_related = ("team",)
    search_fields = ("team__name", "team__slug")
    date_hierarchy = "created_at"
    actions_detail = ("test", "disable", "enable")
    fields = (
        "team",
        "shown_address",
        "shown_events",
        "enabled",
        "disabled_reason",
        "failing_since",
        "created_at",
        "shown_related",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        """Leave out those that were removed: they stay for their deliveries only."""
        rows: QuerySet[WebhookEndpoint] = super().get_queryset(request)
        return rows.filter(removed_at=None)

    @display(description="URL")
    def shown_address(self, endpoint: WebhookEndpoint) -> SafeString:
        """Return where it is."""
        return address(endpoint.url)

    @display(description="events")
    def shown_events(self, endpoint: WebhookEndpoint) -> str:
        """Return which events it receives."""
        return ", ".join(endpoint.events)

    @display(description="related lists")
    def shown_related(self, endpoint: WebhookEndpoint) -> str | SafeString:
        """Return a link to what was sent to it."""
        return related_lists(endpoint)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: whoever runs the receiver adds it, and gets the secret that signs."""
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: WebhookEndpoint | None = None
    ) -> bool:
        """Refuse: another URL is another endpoint."""
        return False

    def delete_model(self, request: HttpRequest, obj: WebhookEndpoint) -> None:
        """Delete it; its deliveries stay."""
        remove_endpoint(obj, by=by_of(request), now=timezone.now())

    def buttons_for(self, object_id: str) -> frozenset[str]:
        """Offer the switch that changes something."""
        endpoint = WebhookEndpoint.objects.filter(pk=object_id).first()
        return frozenset({"test", "disable" if endpoint and endpoint.enabled else "enable"})

    @action(
        description="Send test event",
        icon="send",
        permissions=["operate"],
        dialog={
            "title": "Send a test event?",
            "description": "It is sent once. The answer appears in the list of webhook deliveries.",
            "form_class": ConfirmForm,
            "form_submit_text": "Send test event",
        },
    )
    def test(self, request: HttpRequest, _form: ConfirmForm, object_id: str) -> HttpResponse:
        """Enqueue a test event; the sweep has it delivered."""

        def work(endpoint: WebhookEndpoint) -> str:
            put_test(endpoint, by=by_of(request), now=timezone.now())
            return f"A test event is being sent to {endpoint}."

        return self.run_on(request, object_id, work)

    def _switch(self, request: HttpRequest, object_id: str, *, enabled: bool) -> HttpResponse:
        def work(endpoint: WebhookEndpoint) -> str:
            set_endpoint_enabled(endpoint, enabled=enabled, by=by_of(request))
            return f"{endpoint} is {'enabled' if enabled else 'disabled'}."

        return self.run_on(request, object_id, work)

    @action(
        description="Disable endpoint",
        icon="pause",
        variant=ActionVariant.WARNING,
        permissions=["operate"],
        dialog={
            "title": "Disable this endpoint?",
            "description": "No events are sent to it. Waiting deliveries are dropped.",
            "form_class": ConfirmForm,
            "form_submit_text": "Disable endpoint",
        },
    )
    def disable(self, request: HttpRequest, _form: ConfirmForm, object_id: str) -> HttpResponse:
        """Send no more events to it."""
        return self._switch(request, object_id, enabled=False)

    @action(
        description="Enable endpoint",
        icon="play_arrow",
        permissions=["operate"],
        dialog={
            "title": "Enable this endpoint?",
            "description": "New events are sent to it again.",
            "form_class": ConfirmForm,
            "form_submit_text": "Enable endpoint",
        },
    )
    def enable(self, request: HttpRequest, _form: ConfirmForm, object_id: str) -> HttpResponse:
        """Send events to it again."""
        return self._switch(request, object_id, enabled=True)


@admin.register(HostBackoff)
class HostBackoffAdmin(ReadOnlyAdmin):
    """Hosts that let deliveries time out, and until when they are asked less often."""

    list_display = ("host", linked("team"), "timeouts", moment("ends_at"))
    list_filter = ("team",)
    list_select_related = ("team",)
    search_fields = ("host", "team__name")
    ordering = ("-ends_at",)
    fields = ("host", "team", "timeouts", "ends_at")
