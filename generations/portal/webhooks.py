"""Where the team's systems hear of events: endpoints, their deliveries, the signing secret."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.models import WebhookDelivery, WebhookEvent
from accounts.roles import Permission
from accounts.selectors import webhook_endpoints_for
from accounts.services.webhook_endpoints import (
    MAX_ENDPOINTS,
    add_endpoint,
    remove_endpoint,
    set_endpoint_enabled,
)
from accounts.services.webhook_secrets import reveal_secret
from generations.portal.access import MemberRequest, actor_of, member_required
from generations.portal.forms import show_error
from platform_site.errors import InvalidRequest

_DELIVERIES = 20


class EndpointForm(forms.Form):
    """A URL and the events that are posted to it."""

    url = forms.CharField(
        max_length=2048,
        label="URL",
        widget=forms.URLInput(
            attrs={"placeholder": "https://example.com/dailies", "autocomplete": "off"}
        ),
        help_text="Public, and answering with a 2xx within ten seconds.",
    )
    events = forms.MultipleChoiceField(
        choices=WebhookEvent.choices,
        label="Events",
        initial=list(WebhookEvent.values),
        error_messages={"required": "Choose at least one event."},
        widget=forms.CheckboxSelectMultiple,
    )


@require_GET
@member_required(Permission.TEAM_KEYS)
def index(request: MemberRequest) -> HttpResponse:
    """Show the endpoints and what became of the latest deliveries."""
    return _page(request)


@require_POST
@member_required(Permission.TEAM_KEYS)
def add(request: MemberRequest) -> HttpResponse:
    """Have events posted to a URL."""
    form = EndpointForm(request.POST)
    if form.is_valid():
        try:
            membership, actor = request.membership, actor_of(request)
            add_endpoint(membership=membership, actor=actor, **form.cleaned_data)
            return redirect("webhooks")
        except InvalidRequest as error:
            show_error(form, error)
    return _page(request, form=form)


@require_POST
@member_required(Permission.TEAM_KEYS)
def switch(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Switch an endpoint on or off."""
    endpoint = get_object_or_404(webhook_endpoints_for(request.membership), pk=endpoint_id)
    enabled, actor = "enable" in request.POST, actor_of(request)
    set_endpoint_enabled(endpoint, membership=request.membership, enabled=enabled, actor=actor)
    return redirect("webhooks")


@require_POST
@member_required(Permission.TEAM_KEYS)
def remove(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Take an endpoint away."""
    endpoint = get_object_or_404(webhook_endpoints_for(request.membership), pk=endpoint_id)
    membership, actor = request.membership, actor_of(request)
    remove_endpoint(endpoint, membership=membership, actor=actor, now=timezone.now())
    return redirect("webhooks")


@never_cache
@require_POST
@member_required(Permission.TEAM_KEYS)
def secret(request: MemberRequest) -> HttpResponse:
    """Show the signing secret, on request only; the audit trail says to whom."""
    text = reveal_secret(membership=request.membership, actor=actor_of(request))
    return _page(request, secret=text)


def _page(request: MemberRequest, **more: Any) -> HttpResponse:
    endpoints = webhook_endpoints_for(request.membership)
    deliveries = WebhookDelivery.objects.filter(
        team=request.membership.team, event__in=WebhookEvent.values
    )
    context = {
        "endpoints": endpoints,
        "event_words": dict(WebhookEvent.choices),
        "deliveries": deliveries.order_by("-created_at")[:_DELIVERIES],
        "is_full": len(endpoints) >= MAX_ENDPOINTS,
        "form": EndpointForm(),
    }
    return render(request, "webhooks/index.html", context | more)
