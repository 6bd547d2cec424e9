"""The courier among many: nobody waits behind another one's receiver, and rivals share the work."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import HostBackoff, Membership, WebhookAttempt, WebhookDelivery
from accounts.webhooks.delivery import CLAIM, PostResult, claim_attempt, record_attempt
from accounts.webhooks.schedule import SERIES
from accounts.webhooks.steps import claim_wakeup
from accounts.webhooks.worker import HOST_POSTS, TEAM_POSTS, deliver_due
from platform_site.clusters.leases import acquire
from tests.support.races import race
from tests.support.receivers import DELIVERED, GIVEN_UP, HOOK, PENDING, carrying, put, receivers
from tests.support.steps import Trap
from tests.support.vendor import Vendor
from tests.support.waiting import until

pytestmark = pytest.mark.django_db


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
        assert "timed out" in old.response_note
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
