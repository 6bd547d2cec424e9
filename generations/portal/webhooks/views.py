"""Where the team's systems receive events: endpoints, and the secret that signs."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import WebhookEndpoint
from accounts.roles import Permission
from accounts.selectors import webhook_deliveries_for, webhook_endpoints_for
from accounts.webhooks import (
    MAX_ENDPOINTS,
    add_endpoint,
    choose_events,
    chosen_events,
    chosen_names,
    end_old_secret,
    put_test,
    remove_endpoint,
    reveal_secret,
    rotate_secret,
    set_endpoint_enabled,
)
from generations.portal.access import MemberRequest, acting_member, member_required
from generations.portal.form_errors import show_error
from generations.portal.post_only import post_only
from generations.portal.webhooks.deliveries import DeliveryFilter, page_of
from platform_site.errors import DailiesError, InvalidRequest
from platform_site.web.form_words import PlainForm

_LATEST = 10


class EventsForm(PlainForm):
    """The events that an endpoint receives."""

    events = forms.MultipleChoiceField(
        choices=[(event.event_name, event.words) for event in chosen_events()],
        label="Events",
        initial=chosen_names(),
        error_messages={"required": "Choose at least one event."},
        widget=forms.CheckboxSelectMultiple,
    )


class EndpointForm(EventsForm):
    """A URL and the events that are posted to it."""

    url = forms.CharField(
        max_length=2048,
        label="URL",
        widget=forms.URLInput(
            attrs={"placeholder": "https://example.com/dailies", "autocomplete": "off"}
        ),
        help_text="A public URL that answers 2xx within 10 s.",
    )


@require_safe
@member_required(Permission.TEAM_KEYS)
def index(request: MemberRequest) -> HttpResponse:
    """Show the endpoints, the secret and the latest deliveries."""
    return _page(request)


@post_only("webhooks")
@member_required(Permission.TEAM_KEYS)
def add(request: MemberRequest) -> HttpResponse:
    """Have events posted to a URL."""
    form = EndpointForm(request.POST)
    if form.is_valid():
        try:
            team, by = request.membership.team, acting_member(request)
            endpoint = add_endpoint(team=team, by=by, **form.cleaned_data)
            return redirect("webhook_endpoint", endpoint.pk)
        except InvalidRequest as error:
            show_error(form, error)
    return _page(request, form=form)


@require_safe
@member_required(Permission.TEAM_KEYS)
def endpoint(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Show an endpoint with what was posted to it."""
    return _endpoint_page(request, _endpoint_of(request, endpoint_id))


@post_only("webhook_endpoint", "endpoint_id")
@member_required(Permission.TEAM_KEYS)
def events(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Choose the events that an endpoint receives."""
    chosen = _endpoint_of(request, endpoint_id)
    form = EventsForm(request.POST)
    if not form.is_valid():
        return _endpoint_page(request, chosen, form=form)
    choose_events(chosen, by=acting_member(request), **form.cleaned_data)
    return redirect("webhook_endpoint", chosen.pk)


@post_only("webhook_endpoint", "endpoint_id")
@member_required(Permission.TEAM_KEYS)
def test(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Post a test message, and go where its answer will be shown."""
    tested = _endpoint_of(request, endpoint_id)
    try:
        delivery = put_test(tested, by=acting_member(request), now=timezone.now())
    except DailiesError as error:
        return _endpoint_page(request, tested, error=error)
    return redirect("webhook_delivery", delivery.pk)


@post_only("webhook_endpoint", "endpoint_id")
@member_required(Permission.TEAM_KEYS)
def switch(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Switch an endpoint on or off."""
    switched = _endpoint_of(request, endpoint_id)
    set_endpoint_enabled(switched, enabled="enable" in request.POST, by=acting_member(request))
    return redirect("webhook_endpoint", switched.pk)


@post_only("webhooks")
@member_required(Permission.TEAM_KEYS)
def remove(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Take an endpoint away."""
    removed = _endpoint_of(request, endpoint_id)
    remove_endpoint(removed, by=acting_member(request), now=timezone.now())
    return redirect("webhooks")


@never_cache
@post_only("webhooks")
@member_required(Permission.TEAM_KEYS)
def secret(request: MemberRequest) -> HttpResponse:
    """Show the signing secret, on request only; the audit trail says to whom."""
    text = reveal_secret(team=request.membership.team, by=acting_member(request))
    return _page(request, secret=text)


@never_cache
@post_only("webhooks")
@member_required(Permission.TEAM_KEYS)
def rotate(request: MemberRequest) -> HttpResponse:
    """Replace the signing secret and show the new one."""
    team, by = request.membership.team, acting_member(request)
    try:
        fresh = rotate_secret(team=team, by=by, now=timezone.now())
    except DailiesError as error:
        return _page(request, secret_error=error)
    return _page(request, secret=fresh)


@post_only("webhooks")
@member_required(Permission.TEAM_KEYS)
def end_old(request: MemberRequest) -> HttpResponse:
    """End the previous secret's signatures at once."""
    try:
        end_old_secret(team=request.membership.team, by=acting_member(request))
    except DailiesError as error:
        return _page(request, secret_error=error)
    return redirect("webhooks")


def _endpoint_of(request: MemberRequest, endpoint_id: int) -> WebhookEndpoint:
    return get_object_or_404(webhook_endpoints_for(request.membership), pk=endpoint_id)


def _page(request: MemberRequest, **more: Any) -> HttpResponse:
    endpoints, team = webhook_endpoints_for(request.membership), request.membership.team
    until = team.webhook_old_secret_until
    context = {
        "endpoints": endpoints,
        "deliveries": webhook_deliveries_for(request.membership)[:_LATEST],
        "is_full": len(endpoints) >= MAX_ENDPOINTS,
        "old_until": until if until is not None and until > timezone.now() else None,
        "form": EndpointForm(),
    }
    return render(request, "webhooks/index.html", context | more)


def _endpoint_page(request: MemberRequest, shown: WebhookEndpoint, **more: Any) -> HttpResponse:
    rows = webhook_deliveries_for(request.membership).filter(endpoint=shown)
    context = {
        "endpoint": shown,
        "form": EventsForm(initial={"events": shown.events}),
        "filters": DeliveryFilter(request.GET),
        **page_of(rows, request.GET),
    }
    return render(request, "webhooks/endpoint.html", context | more)
