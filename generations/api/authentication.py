"""Recognise the caller of an API request by their key."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils import timezone
from rest_framework.request import Request

from accounts.api_keys import authenticate_api_key, key_in_header
from accounts.authority import By
from accounts.errors import InvalidApiKey
from accounts.models import ApiKey, Membership
from platform_site.db.catalogue import Catalogue, catalogue_at
from platform_site.web.requests import actor_request_id, client_address

_HOW = "Send the key as 'Authorization: Bearer sk-...'."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a key, and its owner's membership in the key's team; and the catalogue as it was
    at that moment.
    """

    api_key: ApiKey
    membership: Membership
    by: By
    known: Catalogue


def caller_of(request: Request | HttpRequest, *, is_counted: bool = True) -> Caller:
    """Return the caller, and count the request in their key's minute.

    Raises `InvalidApiKey`, `IpNotAllowed` or `RateLimitExceeded`.
    """
    text = key_in_header(request.headers.get("Authorization", ""))
    if not text:
        # The message is the vendor's for whatever is no key; how to send one stands beside it.
        raise InvalidApiKey(details={"hint": _HOW})
    now = timezone.now()
    found = authenticate_api_key(
        text, client_ip=client_address(request), now=now, is_counted=is_counted
    )
    key, membership = found.key, found.membership
    if membership is None:  # the owner has left the team
        raise InvalidApiKey
    by = By.member(membership, request_id=actor_request_id(request), api_key=key)
    known = catalogue_at(found.catalogue_version)
    return Caller(api_key=key, membership=membership, by=by, known=known)
