"""What receivers say, and do not say: they hang, drip, flood, vanish and redirect."""

import socket
import threading

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Membership, WebhookDelivery, WebhookEndpoint
from accounts.webhooks.schedule import RETRIES
from tests.support.receivers import DELIVERED, HOOK, PENDING, carried, for_endpoint, put
from tests.support.vendor import Exchange, Vendor, say

pytestmark = pytest.mark.django_db


class TestAnswers:
    """What receivers say, and do not say."""

    @pytest.mark.parametrize("line", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX: "])
    def test_a_reply_that_drips_is_cut_off_in_time(
        self,
        alice: Membership,
        vendor: Vendor,
        hook: str,
        line: bytes,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Each read comes soon enough; only the whole never does."""
        monkeypatch.setattr("accounts.webhooks.delivery.TIMEOUT_SECONDS", 0.5)

        def drip(exchange: Exchange) -> None:
            exchange.send_raw(line)
            while True:
                exchange.send_raw(b"y")
                stop.wait(0.05)

        stop = threading.Event()
        vendor.always(HOOK, drip)
        (delivery,) = put(alice.team, hook)
        carried(delivery)
        stop.set()
        attempt = delivery.attempt_log.get()
        assert (delivery.state, attempt.status) == (PENDING, None)
        assert "Timeout" in attempt.problem
        assert attempt.duration_ms is not None
        assert attempt.duration_ms >= 450

    def test_a_body_that_never_ends_does_not_undo_its_status(
        self, alice: Membership, vendor: Vendor, hook: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("platform_site.http.post.REPLY_SECONDS", 0.2)

        def endless(exchange: Exchange) -> None:
            exchange.send_raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                exchange.send_raw(b"1\r\nz\r\n")
                stop.wait(0.05)

        stop = threading.Event()
        vendor.always(HOOK, endless)
        (delivery,) = put(alice.team, hook)
        carried(delivery)
        stop.set()
        attempt = delivery.attempt_log.get()
        assert (delivery.state, attempt.status) == (DELIVERED, 200)
        assert set(attempt.snippet) == {"z"}

    def test_a_gigabyte_is_not_read(self, alice: Membership, vendor: Vendor, hook: str) -> None:
        size, sent = 1024**3, [0]

        def flood(exchange: Exchange) -> None:
            head = f"HTTP/1.1 500 No\r\nContent-Length: {size}\r\n\r\n"
            exchange.send_raw(head.encode())
            while sent[0] < size:
                exchange.send_raw(b"x" * 65_536)
                sent[0] += 65_536

        vendor.next(HOOK, flood)
        (delivery,) = put(alice.team, hook)
        carried(delivery)
        assert delivery.attempt_log.get().snippet == "x" * 1000
        assert sent[0] < size // 10

    def test_p33_what_is_stored_of_an_answer_is_short_clean_and_without_keys(
        self, alice: Membership, vendor: Vendor, hook: str
    ) -> None:
        said = b"\0\x1b[31m whsec_c2VjcmV0 sk-live-abcdefgh1234 " + "提".encode() * 2000
        vendor.next(HOOK, say(500, said))
        (delivery,) = put(alice.team, hook)
        carried(delivery)
        snippet = delivery.attempt_log.get().snippet
        assert len(snippet.encode()) <= 1024
        for text in (snippet, delivery.response_note):
            assert "\0" not in text
            assert "\x1b" not in text
            assert "c2VjcmV0" not in text
            assert "abcdefgh" not in text
            assert "whsec_…" in text

    def test_every_try_is_a_row_with_its_headers_and_answer(
        self, endpoint: WebhookEndpoint, vendor: Vendor
    ) -> None:
        (delivery,) = for_endpoint(endpoint)
        vendor.next(HOOK, say(500, b"busy"), say(302, b"", Location="http://127.0.0.1/"))
        for _ in range(3):
            carried(delivery)
        first, second, third = delivery.attempt_log.all()
        assert [one.number for one in (first, second, third)] == [1, 2, 3]
        assert (first.status, first.snippet) == (500, "busy")
        assert (second.status, second.problem) == (302, "Redirects are not followed.")
        assert third.status == 204
        call = vendor.calls_to(HOOK)[-1]
        assert {name.lower(): value for name, value in third.headers.items()}.items() <= (
            call.headers.items()
        )
        assert all(one.duration_ms is not None for one in (first, second, third))

    @pytest.mark.parametrize("status", [429, 503])
    def test_more_patience_is_granted_when_it_is_asked_for(
        self, alice: Membership, vendor: Vendor, hook: str, status: int
    ) -> None:
        (delivery,) = put(alice.team, hook)
        vendor.next(HOOK, say(status, b"", Retry_After="3600"), say(status, b"", Retry_After="1"))
        assert _wait_of(carried(delivery)) == pytest.approx(3600, abs=60)
        assert _wait_of(carried(delivery)) >= RETRIES[1] - 1, "never sooner than ours"
        vendor.next(
            HOOK, say(500, b"", Retry_After="36000"), say(status, b"", Retry_After="9" * 30)
        )
        assert _wait_of(carried(delivery)) < 2 * RETRIES[2]
        assert _wait_of(carried(delivery)) < 24 * 3600

    @pytest.mark.parametrize("name", [socket.gethostname(), "localhost.localdomain"])
    def test_p31_a_name_that_leads_inside_is_found_out_when_connecting(
        self, alice: Membership, vendor: Vendor, settings: Settings, name: str
    ) -> None:
        """The name passes where no name is looked up; then it resolves to this very machine."""
        settings.OUTBOUND_ALLOW = []
        (delivery,) = put(alice.team, f"http://{name}:{vendor.url.rpartition(':')[2]}{HOOK}")
        carried(delivery)
        assert (delivery.state, delivery.response_status) == (PENDING, None)
        assert delivery.attempt_log.get().problem
        assert vendor.calls == []


def _wait_of(delivery: WebhookDelivery) -> float:
    assert delivery.next_attempt_at is not None
    return (delivery.next_attempt_at - timezone.now()).total_seconds()
