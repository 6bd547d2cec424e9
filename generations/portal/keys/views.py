"""The page of keys: the vendor's, which are vaulted, and ours, which tools call us with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.api_keys import delete_api_key, set_enabled
from accounts.models import ApiKey, Membership
from accounts.roles import Permission, role_allows
from accounts.selectors import api_keys_for, require
from billing.selectors import LimitUse, uses_over
from billing.services.api_keys import issue_api_key
from generations.limits import API_KEY
from generations.models import ProviderKey
from generations.portal.access import MemberRequest, acting_member, member_required
from generations.portal.form_errors import show_error
from generations.portal.keys.forms import ApiKeyForm, ProviderKeyForm, SendRateForm
from generations.portal.keys.reads import KeyUsage, discrepancy_for, usage_for
from generations.portal.post_only import post_only
from generations.provider_keys import (
    add_provider_key,
    delete_provider_key,
    in_flight,
    pause_provider_key,
    queued_with,
    resume_provider_key,
    set_send_rate,
)
from generations.reconciliation import accept_discrepancy
from generations.selectors import permission_over, provider_keys_for
from generations.vendors import vendor_choices
from platform_site.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class ShownKey:
    """An API key with the use of its limits."""

    key: ApiKey
    limits: list[LimitUse]
    is_expired: bool


@dataclass(frozen=True, slots=True)
class KeyLoad:
    """How many films a provider key has at the vendor, and how many wait for it."""

    in_flight: int
    waiting: int


@dataclass(frozen=True, slots=True)
class ShownProviderKey:
    """A provider key with what its panel shows."""

    key: ProviderKey
    load: KeyLoad
    send_rate_form: SendRateForm
    usage: KeyUsage | None


@require_safe
@member_required(Permission.VIEW)
def index(request: MemberRequest) -> HttpResponse:
    """Show the keys that the person may see."""
    return render(request, "keys/index.html", _context(request.membership))


@post_only("keys")
@never_cache
@member_required(Permission.OWN_KEYS)
def create(request: MemberRequest) -> HttpResponse:
    """Issue an API key and show its text, this once."""
    form = ApiKeyForm(request.POST)
    context: dict[str, Any] = {"api_key_form": form}
    if form.is_valid():
        membership = request.membership
        try:
            key, text = issue_api_key(
                team=membership.team,
                owner=membership.user,
                by=acting_member(request),
                **form.options(),
            )
            context = {"issued": key, "issued_text": text}
        except InvalidRequest as error:
            show_error(form, error)
    template = "keys/_api_keys.html" if request.htmx else "keys/index.html"
    return render(request, template, _context(request.membership) | context)


@post_only("keys")
@member_required(Permission.OWN_KEYS)
def switch(request: MemberRequest, key_id: int) -> HttpResponse:
    """Enable or disable an API key."""
    key = get_object_or_404(api_keys_for(request.membership), pk=key_id)
    set_enabled(api_key=key, enabled="enable" in request.POST, by=acting_member(request))
    return redirect("keys")


@post_only("keys")
@member_required(Permission.OWN_KEYS)
def delete(request: MemberRequest, key_id: int) -> HttpResponse:
    """Delete an API key, which cannot be undone."""
    key = get_object_or_404(api_keys_for(request.membership), pk=key_id)
    delete_api_key(api_key=key, by=acting_member(request))
    return redirect("keys")


@post_only("keys")
@member_required(Permission.OWN_KEYS)
def vault(request: MemberRequest) -> HttpResponse:
    """Vault a provider key: the person's own, or the team's."""
    is_shared = request.POST.get("scope") == "team"
    form = ProviderKeyForm(request.POST)
    if form.is_valid():
        try:
            add_provider_key(
                team=request.membership.team,
                owner=None if is_shared else request.membership.user,
                by=acting_member(request),
                **form.cleaned_data,
            )
            return redirect("keys")
        except InvalidRequest as error:
            show_error(form, error)
    name = "shared_form" if is_shared else "own_form"
    return render(request, "keys/index.html", _context(request.membership) | {name: form})


@post_only("keys")
@member_required(Permission.OWN_KEYS)
def resume(request: MemberRequest, key_id: int) -> HttpResponse:
    """Send with a paused provider key again."""
    key = _provider_key(request.membership, key_id)
    resume_provider_key(key, by=acting_member(request), now=timezone.now())
    return redirect("keys")


@post_only("keys")
@member_required(Permission.OWN_KEYS)
def pause(request: MemberRequest, key_id: int) -> HttpResponse:
    """Send nothing with a provider key until a person resumes it."""
    key = _provider_key(request.membership, key_id)
    pause_provider_key(key, reason=request.POST.get("reason", ""), by=acting_member(request))
    return redirect("keys")


@post_only("keys")
@member_required(Permission.OWN_KEYS)
def send_rate(request: MemberRequest, key_id: int) -> HttpResponse:
    """Set how many films a provider key may have at the vendor, and how many it sends a minute."""
    key = _provider_key(request.membership, key_id)
    form = SendRateForm(request.POST, auto_id=f"send_rate_{key.pk}_%s")
    if form.is_valid():
        try:
            set_send_rate(key, by=acting_member(request), **form.cleaned_data)
            return redirect("keys")
        except InvalidRequest as error:
            show_error(form, error)
    return render(request, "keys/index.html", _context(request.membership, {key.pk: form}))


@post_only("keys")
@member_required(Permission.OWN_KEYS)
def forget(request: MemberRequest, key_id: int) -> HttpResponse:
    """Delete a provider key."""
    delete_provider_key(_provider_key(request.membership, key_id), by=acting_member(request))
    return redirect("keys")


@post_only("keys")
@member_required(Permission.OWN_KEYS)
def accept_difference(request: MemberRequest, discrepancy_id: int) -> HttpResponse:
    """Close a discrepancy that the person has looked into, with their reason."""
    discrepancy = discrepancy_for(request.membership, discrepancy_id)
    try:
        reason = request.POST.get("reason", "")
        accept_discrepancy(
            discrepancy, by=acting_member(request), reason=reason, now=timezone.now()
        )
    except InvalidRequest as error:
        context = _context(request.membership) | {
            "discrepancy_error": error,
            "discrepancy_id": discrepancy.pk,
        }
        return render(request, "keys/index.html", context)
    return redirect("keys")


def _provider_key(membership: Membership, key_id: int) -> ProviderKey:
    """Return a key that the person may manage; everybody sees the team's, few may touch it."""
    key = get_object_or_404(provider_keys_for(membership), pk=key_id)
    require(membership, permission_over(key))
    return key


def _context(
    membership: Membership, send_rate_forms: Mapping[int, SendRateForm] | None = None
) -> dict[str, Any]:
    """Return what the page shows; `send_rate_forms` are those that were refused, by key."""
    keys = api_keys_for(membership)
    provider_keys = list(provider_keys_for(membership)) if _may_see_keys(membership) else []
    usages = usage_for(membership) if _may_see_keys(membership) else {}
    shown = [
        ShownProviderKey(
            key,
            load=KeyLoad(in_flight(key.pk), queued_with(key.pk)),
            send_rate_form=(send_rate_forms or {}).get(key.pk) or _send_rate_form(key),
            usage=usages.pop(key.pk, None),
        )
        for key in provider_keys
    ]
    own = [one for one in shown if not one.key.is_shared]
    shared = [one for one in shown if one.key.is_shared]
    vendors = len(vendor_choices())
    return {
        "api_keys": _shown(keys),
        "own_keys": own,
        "lacks_own": len(own) < vendors,
        "shared_keys": shared,
        "lacks_shared": len(shared) < vendors,
        "names_vendors": vendors > 1,
        "past_usages": _unexplained(usages),
        "api_key_form": ApiKeyForm(),
        "own_form": ProviderKeyForm(prefix=None, auto_id="own_%s"),
        "shared_form": ProviderKeyForm(auto_id="shared_%s"),
    }


def _send_rate_form(key: ProviderKey) -> SendRateForm:
    rate = {"max_in_flight": key.max_in_flight, "per_minute": key.per_minute}
    return SendRateForm(initial=rate, auto_id=f"send_rate_{key.pk}_%s")


def _unexplained(usages: dict[int, KeyUsage]) -> list[KeyUsage]:
    """Return the deleted keys about which something is still unexplained."""
    return [usage for usage in usages.values() if usage.discrepancies]


def _may_see_keys(membership: Membership) -> bool:
    return role_allows(membership.role, Permission.OWN_KEYS)


def _shown(keys: Iterable[ApiKey]) -> list[ShownKey]:
    """Return each key with the use of its limits, shortest window first: two queries in all."""
    now, keys = timezone.now(), list(keys)
    uses = uses_over([API_KEY.subject(key) for key in keys], now=now)
    return [
        ShownKey(
            key,
            limits=uses.get(API_KEY.subject(key), []),
            is_expired=key.expires_at is not None and key.expires_at <= now,
        )
        for key in keys
    ]
