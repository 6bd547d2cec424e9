"""Whatever the administration's lists are asked, they answer: no query of theirs is a 500."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteMixin
from django.test import Client
from django.urls import is_valid_path, reverse

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import ProviderKey
from tests.factories import make_generation, make_user
from tests.generations.admin.conftest import World

# A list of models is complete only when the site's addresses have been read.
assert is_valid_path("/admin/")

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


def test_f17_no_value_of_a_search_field_is_a_mistake_of_ours(world: World) -> None:
    """Every form with search fields comes back with its refusal, tables inside it included."""
    client = Client(raise_request_exception=False)
    client.force_login(make_user(admin=True))
    values = ["[1]", "words", "\0", "1\0", "9" * 23, "9" * 5000, "-1"]
    broken, tried = [], set()
    for model in admin.site._registry:
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = world.rows.get(model)
        paths = [reverse(f"{base}_add")]
        paths += [reverse(f"{base}_change", args=[row.pk])] if row is not None else []
        for path in paths:
            shown = client.get(path)
            names = list(_search_fields(shown.context)) if shown.status_code == 200 else []
            for value in values if names else ():
                sent = {**_management(shown.context), **dict.fromkeys(names, value)}
                reply = client.post(path, sent)
                if reply.status_code != 200 or not _refused(reply.context, names):
                    broken.append((path, value[:30], reply.status_code))
            tried |= {(model._meta.model_name, name) for name in names}
    assert broken == []
    assert {name.split("-")[-1] for _, name in tried} >= {"team", "user", "owner", "person"}
    assert {model for model, _ in tried} >= {
        "apikey",
        "approvalthreshold",
        "membership",
        "providerkey",
        "spendlimit",
        "team",
    }


def _forms(context: Any) -> Iterator[Any]:
    if "adminform" in context:
        yield context["adminform"].form
    for inline in context.get("inline_admin_formsets", ()):
        yield from inline.formset.forms


def _search_fields(context: Any) -> Iterator[str]:
    for form in _forms(context):
        for name, field in form.fields.items():
            widget = getattr(field.widget, "widget", field.widget)
            if isinstance(widget, AutocompleteMixin):
                yield form.add_prefix(name)


def _management(context: Any) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    for inline in context.get("inline_admin_formsets", ()):
        form = inline.formset.management_form
        sent |= {form.add_prefix(name): form[name].value() or 0 for name in form.fields}
    return sent


def _refused(context: Any, names: list[str]) -> bool:
    wrong = {form.add_prefix(name) for form in _forms(context) for name in form.errors}
    return wrong.issuperset(names)
