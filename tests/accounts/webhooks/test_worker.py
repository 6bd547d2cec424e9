"""The courier under attack: receivers that hang, drip, flood, vanish, redirect, and its rivals."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from accounts.authority import By
from accounts.models import (
    AuditEvent,
    HostBackoff,
    Membership,
    Notice,
    Team,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from accounts.webhooks.delivery import CLAIM, PostResult, claim_attempt, record_attempt
from accounts.webhooks.endpoints import add_endpoint, remove_endpoint, set_endpoint_enabled
from accounts.webhooks.events import WalletLow
from accounts.webhooks.health import FAILING_LIFE
from accounts.webhooks.schedule import RETRIES, SERIES
from accounts.webhooks.steps import claim_wakeup
from accounts.webhooks.worker import HOST_POSTS, TEAM_POSTS, deliver_due
from platform_site.clusters.leases import acquire
from tests.factories import SYSTEM
from tests.support.races import race
from tests.support.steps import Trap
from tests.support.vendor import Exchange, Reply, Vendor, html, running_vendor, say
from tests.support.waiting import until

pytestmark = pytest.mark.django_db
HOOK = "/hook"
LOW = WalletLow.event_name
PENDING, DELIVERED, GIVEN_UP = (
    WebhookDelivery.State.PENDING,
    WebhookDelivery.State.DELIVERED,
    WebhookDelivery.State.GIVEN_UP,
)


@pytest.fixture
def allowed(settings: Settings) -> list[str]:
    """Receivers that the operator has exempted."""
    exempted: list[str] = []
    settings.OUTBOUND_ALLOW = exempted
    return exempted


@pytest.fixture
def hook(vendor: Vendor, allowed: list[str]) -> str:
    allowed.append(vendor.url.removeprefix("http://"))
    return f"{vendor.url}{HOOK}"


@pytest.fixture
def endpoint(alice: Membership, hook: str) -> WebhookEndpoint:
    return add_endpoint(team=alice.team, url=hook, events=[LOW], by=SYSTEM)


@contextmanager
def receivers(count: int, allowed: list[str]) -> Iterator[list[Vendor]]:
    """Start further receivers, which the operator has exempted."""
    with ExitStack() as stack:
        started = [stack.enter_context(running_vendor()) for _ in range(count)]
        allowed.extend(one.url.removeprefix("http://") for one in started)
        yield started


def put(team: Team, url: str, count: int = 1, **fields: Any) -> list[WebhookDelivery]:
    fields = {"event": LOW, "body": '{"type": "wallet.low"}', **fields}
    start = WebhookDelivery.objects.count()
    return [
        WebhookDelivery.objects.create(team=team, url=url, reference=f"r{start + number}", **fields)
        for number in range(count)
    ]


def for_endpoint(endpoint: WebhookEndpoint, count: int = 1, **more: Any) -> list[WebhookDelivery]:
    return put(endpoint.team, endpoint.url, count, endpoint=endpoint, **more)


def carried(delivery: WebhookDelivery) -> WebhookDelivery:
    """Let the delivery be due now and carry."""
    WebhookDelivery.objects.filter(pk=delivery.pk, next_attempt_at__isnull=False).update(
        next_attempt_at=timezone.now()
    )
    HostBackoff.objects.update(ends_at=timezone.now())
    assert deliver_due()
    delivery.refresh_from_db()
    return delivery


@contextmanager
def carrying(**options: Any) -> Iterator[threading.Thread]:
    """Carry in another thread, and wait for its end."""

    def work() -> None:
        try:
            deliver_due(**options)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(60)
        assert not thread.is_alive()


class TestSharing:
    """Nobody waits behind another one's receiver."""

    @pytest.mark.both_databases
    @pytest.mark.django_db(transaction=True)
    def test_p27_two_hundred_to_one_that_hangs_do_not_hold_up_one_to_another(
        self, alice: Membership, charlie: Membership, vendor: Vendor, hook: str, allowed: list[str]
    ) -> None:
        gate = vendor.gate()
        vendor.always(HOOK, gate.before(lambda exchange: exchange.send(204, b"")))
        put(alice.team, hook, 200)
        with receivers(2, allowed) as (mine, theirs), carrying(run_seconds=60):
            vendor.wait_for(HOOK, HOST_POSTS)
            # Of the same team, and of another, both behind the two hundred.
            put(alice.team, f"{mine.url}{HOOK}")
            put(charlie.team, f"{theirs.url}{HOOK}")
            mine.wait_for(HOOK)
            theirs.wait_for(HOOK)
            assert len(vendor.calls_to(HOOK)) == HOST_POSTS
            gate.open()
        assert not WebhookDelivery.objects.exclude(state=DELIVERED).exists()
        assert len(vendor.calls_to(HOOK)) == 200

    @pytest.mark.django_db(transaction=True)
    def test_p27_a_team_whose_every_receiver_hangs_leaves_room_for_another(
        self, alice: Membership, charlie: Membership, allowed: list[str]
    ) -> None:
        with receivers(5, allowed) as (*hanging, good):
            for one in hanging:
                gate = one.gate()
                one.always(HOOK, gate.before(lambda exchange: exchange.send(204, b"")))
                put(alice.team, f"{one.url}{HOOK}", 20)

            def asked() -> int:
                return sum(len(one.calls_to(HOOK)) for one in hanging)

            # A courier that found nothing would end.
            with carrying(run_seconds=60):
                until(lambda: asked() == TEAM_POSTS)
                put(charlie.team, f"{good.url}{HOOK}")
                good.wait_for(HOOK)
                assert asked() == TEAM_POSTS
                for one in hanging:
                    one.open_gates()
        assert not WebhookDelivery.objects.exclude(state=DELIVERED).exists()

    def test_one_that_hung_is_left_alone_and_then_asked_one_at_a_time(
        self, alice: Membership, vendor: Vendor, hook: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("accounts.webhooks.delivery.TIMEOUT_SECONDS", 0.3)
        gate = vendor.gate()
        vendor.always(HOOK, gate.before(lambda exchange: exchange.send(204, b"")))
        put(alice.team, hook, 10)
        assert deliver_due()
        assert len(vendor.wait_for(HOOK, HOST_POSTS)) == HOST_POSTS
        slow = HostBackoff.objects.get()
        assert (slow.team, slow.timeouts) == (alice.team, 1)
        waiting = WebhookDelivery.objects.filter(attempts=0)
        assert {one.next_attempt_at for one in waiting} == {slow.ends_at}
        # Nothing is due: nobody is called, and nobody asks.
        assert not claim_wakeup(now=timezone.now())
        assert deliver_due()
        assert len(vendor.calls_to(HOOK)) == HOST_POSTS
        # The rest is over: one probes. It hangs, and the rest is longer.
        now = timezone.now()
        HostBackoff.objects.update(ends_at=now)
        waiting.update(next_attempt_at=now)
        assert deliver_due()
        assert len(vendor.wait_for(HOOK, HOST_POSTS + 1)) == HOST_POSTS + 1
        slow.refresh_from_db()
        assert slow.timeouts == 2
        assert slow.ends_at > timezone.now() + timedelta(seconds=25)
        # It answers again: everything goes out, however long this machine takes to say so.
        gate.open()
        monkeypatch.undo()
        HostBackoff.objects.update(ends_at=timezone.now())
        WebhookDelivery.objects.update(next_attempt_at=timezone.now())
        assert deliver_due()
        assert not WebhookDelivery.objects.exclude(state=DELIVERED).exists()
        assert not HostBackoff.objects.exists()

    def test_another_team_is_not_left_alone_for_it(
        self, alice: Membership, charlie: Membership, vendor: Vendor, hook: str
    ) -> None:
        later = timezone.now() + timedelta(minutes=5)
        host = hook.removeprefix("http://").removesuffix(HOOK)
        HostBackoff.objects.create(team=alice.team, host=host, timeouts=3, ends_at=later)
        (mine,) = put(alice.team, hook)
        (theirs,) = put(charlie.team, hook)
        assert deliver_due()
        mine.refresh_from_db()
        theirs.refresh_from_db()
        assert (mine.state, mine.next_attempt_at) == (PENDING, later)
        assert theirs.state == DELIVERED

    def test_what_was_put_off_for_a_day_is_given_up(
        self, alice: Membership, vendor: Vendor, hook: str
    ) -> None:
        now = timezone.now()
        host = hook.removeprefix("http://").removesuffix(HOOK)
        HostBackoff.objects.create(
            team=alice.team, host=host, timeouts=9, ends_at=now + timedelta(minutes=5)
        )
        (old,) = put(alice.team, hook, series_since=now - SERIES)
        (young,) = put(alice.team, hook, series_since=now - SERIES + timedelta(minutes=5))
        assert deliver_due()
        old.refresh_from_db()
        young.refresh_from_db()
        assert (old.state, young.state) == (GIVEN_UP, PENDING)
        assert "hang" in old.response_note
        assert vendor.calls_to(HOOK) == []


class TestRivals:
    """At least once, by one at a time."""

    @pytest.mark.both_databases
    @pytest.mark.django_db(transaction=True)
    def test_p26_of_five_that_claim_one_try_one_gets_it(self, alice: Membership) -> None:
        (delivery,) = put(alice.team, "https://a.example/")

        def work(_number: int) -> bool:
            mine = WebhookDelivery.objects.select_related("team").get(pk=delivery.pk)
            return claim_attempt(mine, now=timezone.now()) is not None

        assert sorted(map(str, race(5, work))) == ["False"] * 4 + ["True"]
        delivery.refresh_from_db()
        assert (delivery.attempts, delivery.attempt_log.count()) == (1, 1)

    @pytest.mark.both_databases
    @pytest.mark.django_db(transaction=True)
    def test_p26_five_couriers_post_forty_messages_once_each(
        self, alice: Membership, vendor: Vendor, hook: str
    ) -> None:
        put(alice.team, hook, 40)
        results = race(5, lambda _number: deliver_due())
        assert set(map(type, results)) == {bool}
        assert len({call.headers["webhook-id"] for call in vendor.calls_to(HOOK)}) == 40
        assert len(vendor.calls_to(HOOK)) == 40

    def test_a_courier_leaves_it_to_one_that_carries(
        self, alice: Membership, vendor: Vendor, hook: str
    ) -> None:
        put(alice.team, hook)
        now = timezone.now()
        assert acquire("webhooks", "another", now=now, life=timedelta(seconds=15))
        assert not deliver_due()
        assert not claim_wakeup(now=now)
        assert claim_wakeup(now=now + timedelta(seconds=16)), "it died"

    def test_p22_what_was_posted_and_not_noted_is_posted_again_under_its_id(
        self, alice: Membership, vendor: Vendor, hook: str
    ) -> None:
        (delivery,) = put(alice.team, hook)
        table = WebhookAttempt._meta.db_table
        with Trap(table, "UPDATE"), pytest.raises(Exception, match="trapped"):
            deliver_due()
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == (PENDING, 1)
        assert deliver_due()
        assert len(vendor.calls_to(HOOK)) == 1, "the claim has not run out"
        assert delivery.claimed_until is not None
        WebhookDelivery.objects.update(claimed_until=timezone.now(), next_attempt_at=timezone.now())
        assert deliver_due()
        first, second = vendor.calls_to(HOOK)
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert [one.duration_ms is None for one in delivery.attempt_log.all()] == [True, False]

    @pytest.mark.parametrize(
        ("status", "state"), [(500, PENDING), (410, GIVEN_UP), (204, DELIVERED)]
    )
    def test_a_late_answer_of_a_claim_that_ran_out_leaves_the_next_try_alone(
        self, alice: Membership, status: int, state: str
    ) -> None:
        """Unless it says that the message arrived, or never will."""
        (first,) = put(alice.team, "https://a.example/")
        assert claim_attempt(first, now=timezone.now())
        later = timezone.now() + CLAIM
        second = WebhookDelivery.objects.get()
        assert claim_attempt(second, now=later)
        record_attempt(first, PostResult(status, "", "", 5), now=later, jitter=0)
        row = WebhookDelivery.objects.get()
        assert (row.state, row.attempts) == (state, 2)
        if state == PENDING:
            assert row.claimed_until == later + CLAIM
        assert [one.status for one in row.attempt_log.all()] == [status, None]

    def test_a_url_that_nobody_can_post_to_is_a_failed_try(
        self, alice: Membership, vendor: Vendor, hook: str
    ) -> None:
        broken, fine = put(alice.team, "http://[::1", 1)[0], put(alice.team, hook)[0]
        deliver_due()
        broken.refresh_from_db()
        fine.refresh_from_db()
        assert (broken.state, broken.attempts) == (PENDING, 1)
        assert fine.state == DELIVERED


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


class TestEndpoints:
    """What becomes of an endpoint that is gone, fails for days, or is taken away midway."""

    def test_one_that_is_gone_is_disabled_and_its_managers_hear_of_it(
        self, alice: Membership, endpoint: WebhookEndpoint, vendor: Vendor
    ) -> None:
        vendor.always(HOOK, say(410, b"moved away"))
        first, *_ = for_endpoint(endpoint, 3)
        WebhookDelivery.objects.exclude(pk=first.pk).update(
            next_attempt_at=timezone.now() + timedelta(hours=1)
        )
        carried(first)
        assert len(vendor.calls_to(HOOK)) == 1
        assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {GIVEN_UP}
        endpoint.refresh_from_db()
        assert not endpoint.enabled
        assert "410" in endpoint.disabled_reason
        notice = Notice.objects.get()
        assert (notice.permission, notice.path) == ("TEAM_KEYS", f"/webhooks/{endpoint.pk}/")
        assert notice.next_mail_at is not None
        event = AuditEvent.objects.get(action="webhook_endpoint.disabled")
        assert (event.actor, event.reason) == ("system:webhooks", endpoint.disabled_reason)
        set_endpoint_enabled(endpoint, enabled=True, by=By.member(alice))
        endpoint.refresh_from_db()
        assert (endpoint.enabled, endpoint.disabled_reason) == (True, "")

    def test_of_two_that_answer_gone_at_once_one_notice_is_made(
        self, endpoint: WebhookEndpoint, vendor: Vendor
    ) -> None:
        vendor.always(HOOK, say(410, b""))
        for_endpoint(endpoint, 4)
        assert deliver_due()
        assert Notice.objects.count() == 1
        assert not WebhookDelivery.objects.exclude(state=GIVEN_UP).exists()

    def test_a_tasks_own_url_that_is_gone_ends_what_waits_for_it_and_no_more(
        self, alice: Membership, charlie: Membership, vendor: Vendor, hook: str
    ) -> None:
        first, second = put(alice.team, hook, 2, event="task.completed")
        (other,) = put(alice.team, f"{hook}/other", event="task.completed")
        (theirs,) = put(charlie.team, hook, event="task.completed")
        WebhookDelivery.objects.exclude(pk=first.pk).update(
            next_attempt_at=timezone.now() + timedelta(hours=1)
        )
        vendor.next(HOOK, say(410, b""))
        carried(first)
        states = {one.pk: one.state for one in WebhookDelivery.objects.all()}
        assert states == {
            first.pk: GIVEN_UP,
            second.pk: GIVEN_UP,
            other.pk: PENDING,
            theirs.pk: PENDING,
        }
        (fresh,) = put(alice.team, hook, event="task.completed")
        assert carried(fresh).state == DELIVERED, "a later task is a fresh wish"

    def test_days_of_failures_disable_it_and_one_success_ends_them(
        self, endpoint: WebhookEndpoint, vendor: Vendor
    ) -> None:
        def fail_for_good() -> None:
            (delivery,) = for_endpoint(endpoint)
            while carried(delivery).state == PENDING:
                pass
            endpoint.refresh_from_db()

        def let_pass(days: timedelta) -> None:
            assert endpoint.failing_since is not None
            WebhookEndpoint.objects.update(failing_since=timezone.now() - days)

        def is_on() -> bool:
            endpoint.refresh_from_db()
            return endpoint.enabled

        vendor.always(HOOK, html(500))
        fail_for_good()
        assert is_on()
        let_pass(FAILING_LIFE - timedelta(minutes=5))
        fail_for_good()
        assert is_on()
        # A first failure after all that time is no whole day of tries.
        let_pass(FAILING_LIFE)
        (delivery,) = for_endpoint(endpoint)
        carried(delivery)
        assert is_on()
        vendor.next(HOOK, say(204, b""))
        carried(delivery)
        endpoint.refresh_from_db()
        assert endpoint.failing_since is None
        fail_for_good()
        let_pass(FAILING_LIFE)
        fail_for_good()
        assert not is_on()
        assert "5 days" in endpoint.disabled_reason
        assert Notice.objects.count() == 1

    @pytest.mark.parametrize(("reply", "state"), [(html(500), GIVEN_UP), (html(204), DELIVERED)])
    @pytest.mark.django_db(transaction=True)
    def test_one_that_is_removed_midway_gets_no_other_try(
        self,
        alice: Membership,
        endpoint: WebhookEndpoint,
        vendor: Vendor,
        reply: Reply,
        state: str,
    ) -> None:
        gate = vendor.gate()
        vendor.next(HOOK, gate.before(reply))
        for_endpoint(endpoint)
        with carrying():
            gate.wait()
            for_endpoint(endpoint, next_attempt_at=timezone.now() + timedelta(hours=1))
            remove_endpoint(endpoint, by=By.member(alice), now=timezone.now())
            gate.open()
        assert deliver_due()
        assert len(vendor.calls_to(HOOK)) == 1
        first, second = WebhookDelivery.objects.order_by("created_at")
        assert (first.state, second.state) == (state, GIVEN_UP)
        assert first.endpoint == endpoint

    def test_an_event_that_slips_in_while_it_is_switched_off_is_not_posted(
        self, endpoint: WebhookEndpoint, vendor: Vendor
    ) -> None:
        WebhookEndpoint.objects.update(enabled=False)
        (delivery,) = for_endpoint(endpoint)
        assert carried(delivery).state == GIVEN_UP
        assert vendor.calls == []


def _wait_of(delivery: WebhookDelivery) -> float:
    assert delivery.next_attempt_at is not None
    return (delivery.next_attempt_at - timezone.now()).total_seconds()
