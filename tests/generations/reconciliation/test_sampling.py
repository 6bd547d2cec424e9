"""Sampling the vendor's meter (P20): what a sample says, and what it does without."""

import pytest

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import Discrepancy, ProviderKey, UsageSample
from generations.models.usage_sample import UsageVerdict
from generations.reconciliation.compare import Sums
from generations.reconciliation.reads import sums_of
from tests.factories import make_generation
from tests.support.meter import Clock, Meter
from tests.support.races import race
from tests.support.sending import send_now
from tests.support.vendor import CREDITS, Vendor, say

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_p20_our_sums_are_those_of_the_vendors_word(
    alice: Membership, provider_key: ProviderKey
) -> None:
    make_generation(alice)
    make_generation(alice, State.PROCESSING)
    make_generation(alice, State.NEEDS_REVIEW, resolution="480p")
    make_generation(alice, State.COMPLETED)
    make_generation(alice, State.FAILED)
    make_generation(alice, State.CANCELLED)
    make_generation(alice, State.SUBMITTING)
    assert sums_of(provider_key) == Sums(
        charged=245, refunded=70, in_flight=105, unknown=70, submitting=1
    )


def test_the_vendors_figures_and_ours_stand_in_one_row(
    alice: Membership, clock: Clock, meter: Meter
) -> None:
    make_generation(alice, State.PROCESSING)
    meter.charge(70)
    sample = clock.sample(5)
    assert (sample.balance, sample.total_purchased, sample.total_consumed) == (9930, 10_000, 70)
    assert (sample.charged, sample.refunded, sample.in_flight, sample.unknown) == (70, 0, 70, 0)
    assert (sample.stable, sample.discrepancy, sample.verdict) == (True, 0, UsageVerdict.AGREES)


@pytest.mark.parametrize("net", [True, False])
def test_p20_success_and_failure_agree_under_both_readings_of_a_refund(
    alice: Membership, clock: Clock, meter: Meter, net: bool
) -> None:
    meter.refund_lowers_consumed = net
    make_generation(alice, State.COMPLETED)
    make_generation(alice, State.FAILED, resolution="480p")
    meter.charge(70)
    meter.charge(35)
    meter.refund(35)
    clock.sample(5)
    sample = clock.sample(10)
    assert (sample.discrepancy, sample.is_baseline) == (0, True)
    assert sample.reading == ("net" if net else "gross")
    assert not Discrepancy.objects.exists()


def test_a_job_that_is_submitted_just_then_makes_the_sample_unquiet(
    alice: Membership, clock: Clock, meter: Meter
) -> None:
    make_generation(alice, State.SUBMITTING)
    meter.charge(70)
    first, second = clock.sample(3), clock.sample(6)
    assert not first.stable
    assert not second.is_baseline
    assert not Discrepancy.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_job_that_is_accepted_while_the_meter_is_read_makes_the_sample_unquiet(
    alice: Membership, clock: Clock, meter: Meter, vendor: Vendor
) -> None:
    make_generation(alice)
    gate = vendor.gate()
    vendor.next(CREDITS, gate.before(meter))

    def work(number: int) -> UsageSample | None:
        if number == 0:
            return clock.sample(3)
        gate.wait()
        send_now()
        meter.charge(70)
        gate.open()
        return None

    [sample, _] = race(2, work)
    assert isinstance(sample, UsageSample)
    assert (sample.stable, sample.discrepancy) == (False, 0)


@pytest.mark.parametrize(
    "missing",
    [("balance",), ("consumed",), ("purchased", "balance"), ("purchased", "consumed")],
)
def test_figures_that_the_vendor_leaves_out_are_done_without(
    alice: Membership, provider_key: ProviderKey, meter: Meter, missing: tuple[str, ...]
) -> None:
    for name in missing:
        setattr(meter, name, None)
    clock = Clock(provider_key)
    clock.sample(-10)
    make_generation(alice, State.COMPLETED)
    meter.charge(70)
    clock.sample(3)
    assert (clock.sample(6).discrepancy, Discrepancy.objects.count()) == (0, 0)
    meter.charge(16)
    clock.sample(9)
    assert clock.sample(12).discrepancy == 16
    assert Discrepancy.objects.get().credits == 16


def test_a_vendor_that_says_nothing_opens_nothing(
    provider_key: ProviderKey, vendor: Vendor
) -> None:
    vendor.always(CREDITS, say(200, {"code": 200, "data": {}}))
    clock = Clock(provider_key)
    for minutes in (0, 3, 6):
        assert clock.sample(minutes).verdict == UsageVerdict.UNREADABLE
    assert not UsageSample.objects.filter(is_baseline=True).exists()


def test_the_shape_that_one_public_client_reads_is_read_too(
    provider_key: ProviderKey, vendor: Vendor
) -> None:
    vendor.always(CREDITS, say(200, {"code": 200, "data": {"credits": 500}}))
    clock = Clock(provider_key)
    assert clock.sample(0).balance == 500
    vendor.always(CREDITS, say(200, {"code": 200, "data": {"credits": 450}}))
    clock.sample(3)
    clock.sample(6)
    assert Discrepancy.objects.get().credits == 50


def test_a_meter_that_goes_back_is_a_new_beginning(clock: Clock, meter: Meter) -> None:
    meter.charge(900)
    clock.sample(3)
    clock.sample(6)
    assert Discrepancy.objects.get().credits == 900
    meter.balance, meter.purchased, meter.consumed = 5000, 5000, 0
    clock.sample(9)
    assert clock.sample(12).verdict == UsageVerdict.WENT_BACK
    meter.charge(30)
    clock.sample(15)
    clock.sample(18)
    assert [one.credits for one in Discrepancy.objects.all()] == [930]
