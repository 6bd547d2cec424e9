"""Whatever the administration's lists are asked, they answer: no query of theirs is a 500."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import ProviderKey
from tests.factories import make_generation, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

NASTY = [
    "\0",
    "a\0b",
    "\ud800",
    "http://[",
    "x/y",
    "9" * 30,
    "-1",
    "1e400",
    "2026-02-30",
    "a,b",
    "%",
]
NAMES = ["q", "p", "o", "e", "all", "id__exact", "id", "pk", "team__id__exact", "state__exact", "x"]
DATES = ["created_at__gte", "created_at__year", "created_at__day", "ended_at__isnull"]


def encodable(value: str) -> str:
    """Return what a browser would send of a value."""
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


@pytest.mark.parametrize("value", NASTY, ids=lambda value: ascii(value)[:20])
def test_f17_no_query_of_a_list_is_a_mistake_of_ours(
    alice: Membership, provider_key: ProviderKey, value: str
) -> None:
    """Each parameter of a list is sent a third of the values; over all lists, every one."""
    make_generation(alice, State.COMPLETED)
    client = Client(raise_request_exception=False)
    client.force_login(make_user(admin=True))
    broken = []
    for place, model in enumerate(admin.site._registry, start=NASTY.index(value)):
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for name in [*NAMES, *DATES][place % 3 :: 3]:
            reply = client.get(path, {name: encodable(value)})
            if reply.status_code >= 500:
                broken.append((path, name))
        for end in ("change", "delete", "history"):
            reply = client.get(f"http://testserver{path}{encodable(value)}/{end}/")
            if reply.status_code >= 500:
                broken.append((path, end))
    assert broken == []
