"""P33: no answer and no log line of a whole run holds a key, ours or the vendor's."""

import json
import logging.config
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts.models import ApiKey, AuditEvent, Membership
from billing.models import Transfer
from generations.models import Generation, GenerationEvent, ProviderKey
from generations.provider_keys.service import probe_provider_key
from generations.provider_keys.vault import reveal
from platform_site.logs import logging_config
from platform_site.secrets.cipher import Undecryptable
from tests.factories import make_api_key, make_provider_key
from tests.support.api import GENERATIONS, Api
from tests.support.sending import send_all
from tests.support.steps import make_due, poll_due, run_queue
from tests.support.vendor import Vendor, refuse

pytestmark = pytest.mark.django_db

UPSTREAM = "sk-sandbox-UPSTREAMSECRET0123456789"


@pytest.fixture
def log() -> Iterator[StringIO]:
    """Everything that the site's own handler writes, at every level."""
    stream = StringIO()
    config = logging_config(debug=True, readable=False)
    config["handlers"]["stderr"]["stream"] = stream
    config["root"]["level"] = "DEBUG"
    before = logging.root.handlers[:], logging.root.level
    logging.config.dictConfig(config)
    yield stream
    logging.root.handlers[:], logging.root.level = before


def test_p33_a_whole_run_shows_no_key(alice: Membership, vendor: Vendor, log: StringIO) -> None:
    provider_key = make_provider_key(alice.team, secret=UPSTREAM)
    issued = make_api_key(alice, allowed_networks=["127.0.0.1"])
    api = Api(issued.text)
    shown: list[bytes] = []

    def see(reply: Any) -> Any:
        shown.append(b"".join(reply) if reply.streaming else reply.content)
        shown.append(repr(sorted(reply.items())).encode())
        return reply

    # One that the vendor refuses naming the key, one that completes, one that fails.
    vendor.next(GENERATIONS, refuse(400, "invalid_request", f"Bad {UPSTREAM}"))
    for _ in range(3):
        see(api.generate())
    send_all()
    completed, failed = vendor.tasks
    vendor.finish(completed)
    vendor.fail(failed, message=f"Key {UPSTREAM} was naughty")
    for generation in Generation.objects.filter(state="processing"):
        make_due(generation)
    poll_due()
    run_queue("keep")
    assert set(Generation.objects.values_list("state", flat=True)) == {"completed", "failed"}
    for generation in Generation.objects.all():
        see(api.task(generation.pk))
    # Every way to be refused.
    see(Api(issued.text + "x").get("/v1/credits"))
    see(Api(issued.text, address="203.0.113.1").get("/v1/credits"))
    see(api.post("/v1/videos/generations", b"{"))
    misplaced: dict[str, Any] = {issued.text: UPSTREAM}
    see(api.generate(**misplaced))
    see(api.generate(callback_url=f"http://127.0.0.1/{UPSTREAM}"))
    see(api.get(f"/v1/{UPSTREAM}"))
    see(api.get("/v1/credits"))
    see(Client().get("/healthz"))
    # The key is turned away, and probed.
    vendor.next(GENERATIONS, refuse(401, "invalid_api_key", f"{UPSTREAM} is unknown"))
    see(api.generate())
    send_all()
    assert ProviderKey.objects.get().state == "paused"
    vendor.next("/v1/credits", refuse(401, "invalid_api_key", f"{UPSTREAM} is unknown"))
    probe_provider_key(provider_key.pk)
    key = ProviderKey.objects.get()
    assert UPSTREAM not in key.pause_note + key.probe_problem
    # And something breaks.
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE generations_film RENAME TO gone")
    see(api.task(Generation.objects.values_list("pk", flat=True)[0]))

    out = StringIO()
    call_command("audit", "--json", stdout=out)
    everything = {
        "answers": b"\n".join(shown).decode(),
        "log": log.getvalue(),
        "audit": out.getvalue(),
    }
    assert "api_failed" in everything["log"]
    assert everything["log"].count("\n") > 10
    for where, text in everything.items():
        _assert_clean(where, text, issued.text)


def _assert_clean(where: str, text: str, api_key: str) -> None:
    for key in (UPSTREAM, api_key):
        for part in (key, key[3:], key[15:], key[-20:]):
            found = text.find(part)
            assert found < 0, f"{where} shows a key: {text[max(0, found - 200) : found + 40]}"


def test_p33_the_database_holds_no_key_in_the_clear(alice: Membership, vendor: Vendor) -> None:
    make_provider_key(alice.team, secret=UPSTREAM)
    issued = make_api_key(alice)
    Api(issued.text).accepted()
    models: list[Any] = [ProviderKey, ApiKey, Generation, GenerationEvent, AuditEvent, Transfer]
    rows = json.dumps([serializers.serialize("json", model.objects.all()) for model in models])
    for key in (UPSTREAM, issued.text):
        assert key not in rows
        assert key[15:] not in rows
    assert not vendor.calls_to(GENERATIONS)


def test_p33_a_stored_token_opens_in_its_own_row_only(
    alice: Membership, charlie: Membership, vendor: Vendor
) -> None:
    first = make_provider_key(alice.team, secret=UPSTREAM)
    second = ProviderKey.objects.get(team=charlie.team)
    ProviderKey.objects.filter(pk=second.pk).update(secret_token=first.secret_token)
    second.refresh_from_db()
    with pytest.raises(Undecryptable) as caught:
        reveal(second)
    assert UPSTREAM not in str(caught.value)
