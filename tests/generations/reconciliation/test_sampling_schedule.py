"""When a key's meter is sampled, and what an error or a second run changes: nothing."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import ProviderKey, UsageSample
from generations.ops.agenda import enqueue_due_steps
from generations.provider_keys.service import (
    delete_provider_key,
    pause_refused_key,
    probe_provider_key,
)
from generations.reconciliation.sampling import (
    KEEP_SAMPLES,
    OFTEN,
    SELDOM,
    prune_samples,
    sample_usage,
    take_sample,
)
from tests.factories import SYSTEM, make_generation, refusal
from tests.support.meter import Clock, Meter
from tests.support.steps import empty_queue, queued
from tests.support.vendor import CREDITS, Exchange, Vendor, drop, html, refuse, say

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.mark.parametrize(
    "reply",
    [refuse(401, "invalid_api_key"), refuse(500, "\0", "\ud800"), html(500), html(200), drop],
)
def test_p28_an_error_changes_only_the_next_time(
    clock: Clock, vendor: Vendor, reply: Callable[[Exchange], None]
) -> None:
    vendor.always(CREDITS, reply)
    key = ProviderKey.objects.get(pk=clock.key.pk)
    before = ProviderKey.objects.values().get(pk=key.pk)
    assert take_sample(key, now=clock.at(5)) is None
    after = ProviderKey.objects.values().get(pk=key.pk)
    assert after == {**before, "next_sample_at": clock.at(5) + SELDOM}
    assert UsageSample.objects.count() == 1


@pytest.mark.parametrize(
    "literal",
    ['"nine"', "NaN", "-Infinity", "1e999", "9" * 300, "1e16", "[900]", "{}", "true", '"\\u0000"'],
)
@pytest.mark.parametrize("name", ["balance", "credits", "total_purchased", "total_consumed"])
def test_f17_a_sum_that_is_none_is_no_sample_and_changes_only_the_next_time(
    clock: Clock, vendor: Vendor, name: str, literal: str
) -> None:
    figures = {"balance": 10, "total_purchased": 10, "total_consumed": 0} | {name: "#"}
    if name == "credits":
        del figures["balance"]
    body = json.dumps({"code": 200, "data": figures}).replace('"#"', literal)
    vendor.always(CREDITS, say(200, body.encode()))
    key = ProviderKey.objects.get(pk=clock.key.pk)
    assert take_sample(key, now=clock.at(5)) is None
    key.refresh_from_db()
    assert key.next_sample_at == clock.at(5) + SELDOM
    assert UsageSample.objects.count() == 1


@pytest.mark.parametrize(("said", "read"), [(-(10**15), -(10**15)), (10**15, 10**15), (89.6, 90)])
def test_f17_a_sum_within_bounds_is_stored_as_whole_credits(
    clock: Clock, vendor: Vendor, said: float, read: int
) -> None:
    figures = {"balance": said, "total_purchased": None, "total_consumed": said}
    vendor.always(CREDITS, say(200, {"code": 200, "data": figures}))
    for minutes in (5, 10):
        sample = clock.sample(minutes)
        assert (sample.balance, sample.total_consumed) == (read, read)


def test_f17_a_paused_key_is_resumed_whatever_its_sums_are(clock: Clock, vendor: Vendor) -> None:
    pause_refused_key(clock.key, refusal())
    vendor.always(CREDITS, html(200))
    probe_provider_key(clock.key.pk)
    assert ProviderKey.objects.get().state == ProviderKey.State.PAUSED
    vendor.always(CREDITS, say(200, {"code": 200, "data": {"balance": "\0"}}))
    probe_provider_key(clock.key.pk)
    assert ProviderKey.objects.get().state == ProviderKey.State.ACTIVE


def test_of_two_runs_of_one_sample_the_second_leaves(clock: Clock) -> None:
    first = ProviderKey.objects.get(pk=clock.key.pk)
    second = ProviderKey.objects.get(pk=clock.key.pk)
    assert take_sample(first, now=clock.at(5)) is not None
    assert take_sample(second, now=clock.at(5)) is None
    assert UsageSample.objects.count() == 2


def test_a_new_key_is_sampled_at_once_then_hourly_and_often_while_it_works(
    alice: Membership, provider_key: ProviderKey, meter: Meter
) -> None:
    assert provider_key.next_sample_at is not None
    assert provider_key.next_sample_at <= timezone.now()
    clock = Clock(provider_key)
    clock.sample(0)
    assert _next(provider_key) == clock.at(0) + SELDOM
    make_generation(alice, State.PROCESSING)
    meter.charge(70)
    clock.sample(60)
    assert _next(provider_key) == clock.at(60) + OFTEN


def test_a_discrepancy_to_be_confirmed_is_looked_at_soon(clock: Clock, meter: Meter) -> None:
    meter.charge(70)
    clock.sample(60)
    assert _next(clock.key) == clock.at(60) + OFTEN
    clock.sample(63)
    assert _next(clock.key) == clock.at(63) + SELDOM


def test_the_sweep_enqueues_what_is_due_once(
    provider_key: ProviderKey, charlie: Membership
) -> None:
    now = timezone.now()
    _wipe(ProviderKey.objects.exclude(pk=provider_key.pk).get())
    empty_queue()
    enqueue_due_steps(now)
    enqueue_due_steps(now)
    assert queued() == [("sample", (provider_key.pk,))]
    enqueue_due_steps(now + timedelta(seconds=61))
    assert queued() == [("sample", (provider_key.pk,))] * 2


def test_a_wiped_key_is_not_sampled(provider_key: ProviderKey, vendor: Vendor) -> None:
    delete_provider_key(provider_key, by=SYSTEM)
    empty_queue()
    enqueue_due_steps(timezone.now())
    assert "sample" not in [name for name, _ in queued()]
    sample_usage(provider_key.pk)
    sample_usage(0)
    assert vendor.calls == []


def test_the_task_samples_the_key(provider_key: ProviderKey, meter: Meter) -> None:
    sample_usage(provider_key.pk)
    sample = UsageSample.objects.get()
    assert (sample.provider_key, sample.balance) == (provider_key, 10_000)


def test_old_samples_are_pruned_but_the_level_stays(clock: Clock, meter: Meter) -> None:
    clock.sample(-5)
    assert prune_samples(now=clock.at(0)) == 0
    assert prune_samples(now=clock.at(0) + KEEP_SAMPLES) == 1
    assert UsageSample.objects.get().taken_at == clock.at(-5)


def _next(provider_key: ProviderKey) -> Any:
    return ProviderKey.objects.get(pk=provider_key.pk).next_sample_at


def _wipe(provider_key: ProviderKey) -> None:
    ProviderKey.objects.filter(pk=provider_key.pk).update(secret_token="")
