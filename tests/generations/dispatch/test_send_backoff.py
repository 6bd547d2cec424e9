"""A vendor that turns sends away is left alone for a while, and so is a key (P22)."""

import pytest
from django.utils import timezone

from accounts.models import Membership
from generations.dispatch.ramp import FIRST_POSTS
from generations.lifecycle import State
from generations.models import Generation, ProviderKey
from generations.provider_keys.send_rate import BACKOFF
from platform_site.backoff import Backoff
from tests.factories import make_provider_key
from tests.support.claiming import claims
from tests.support.crowds import make_crowd
from tests.support.races import race
from tests.support.sending import post_generation, send_all, send_next
from tests.support.vendor import CREATE, Reply, Vendor, drop, refuse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold keys back for so long that no test outlasts it, however slow the machine."""
    monkeypatch.setattr(
        "generations.provider_keys.send_rate.BACKOFF",
        Backoff(first=BACKOFF.last, last=BACKOFF.last),
    )


def held(key: ProviderKey) -> tuple[int, float]:
    """How many failures in a row, and for how many seconds more nothing is sent."""
    key.refresh_from_db()
    until = key.next_send_at or timezone.now()
    return key.send_failures, max(0.0, (until - timezone.now()).total_seconds())


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    "reply", [refuse(429, "rate_limit_exceeded"), drop], ids=["rate limit", "no answer"]
)
def test_p22_an_ill_vendor_costs_a_few_jobs_and_then_one_at_a_time_not_the_whole_queue(
    alice: Membership, vendor: Vendor, provider_key: ProviderKey, reply: Reply
) -> None:
    make_crowd(alice, 200)
    vendor.always(CREATE, reply)
    send_all()
    assert len(vendor.creates) == FIRST_POSTS
    for failures in range(2, 5):
        ProviderKey.objects.update(next_send_at=timezone.now())
        send_all()
        assert len(vendor.creates) == FIRST_POSTS - 1 + failures
        assert held(provider_key)[0] == failures
    assert Generation.objects.filter(state=State.QUEUED).count() >= 200 - FIRST_POSTS - 3


@pytest.mark.usefixtures("patient")
def test_a_vendor_out_of_reach_holds_the_key_back_and_loses_nothing(
    alice: Membership, vendor: Vendor, provider_key: ProviderKey
) -> None:
    jobs = make_crowd(alice, 5)
    ProviderKey.objects.update(endpoint="http://127.0.0.1:9")
    send_all()
    assert held(provider_key)[0] == 1
    ProviderKey.objects.update(endpoint=vendor.url, next_send_at=None)
    send_all()
    assert len(vendor.creates) == len(jobs)
    assert held(provider_key) == (0, 0.0)


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_ten_that_are_turned_away_at_once_double_the_wait_once(
    alice: Membership, vendor: Vendor, provider_key: ProviderKey
) -> None:
    make_crowd(alice, 30)
    vendor.always(CREATE, refuse(429, "rate_limit_exceeded"))
    claimed = claims(10)
    assert race(10, lambda number: post_generation(claimed[number])) == [None] * 10
    failures, seconds = held(provider_key)
    assert failures == 1
    assert seconds <= 1
    assert not Generation.objects.exclude(state=State.QUEUED).exists()


@pytest.mark.usefixtures("patient")
def test_one_keys_rate_limit_holds_nobody_else_back(
    alice: Membership, bob: Membership, vendor: Vendor, provider_key: ProviderKey
) -> None:
    make_provider_key(alice.team, alice.user)
    make_crowd(alice, 10)
    vendor.next(CREATE, refuse(429, "rate_limit_exceeded"))
    assert send_next()
    make_crowd(bob, 3)
    while send_next():
        pass
    rows = Generation.objects.filter(state=State.PROCESSING)
    assert list(rows.values_list("user", flat=True)) == [bob.user_id] * 3
