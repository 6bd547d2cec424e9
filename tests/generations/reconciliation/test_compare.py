"""The pure comparison of the vendor's meter with our books (P20)."""

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from generations.models.usage_sample import Reading, UsageVerdict
from generations.reconciliation.compare import (
    APART,
    Change,
    Cost,
    Standing,
    Suspects,
    compare,
    costs_that_sum_to,
    explain,
    judge,
    still_unknown,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
FRESH = Standing(
    taken_at=NOON,
    balance=1000,
    purchased=1000,
    consumed=0,
    charged=0,
    refunded=0,
    in_flight=0,
    unknown=0,
    stable=True,
)


@dataclass
class World:
    """A vendor's account and our books of it, moved together."""

    refund_lowers_consumed: bool = True
    balance: int = 10_000
    purchased: int = 10_000
    consumed: int = 0
    charged: int = 0
    refunded: int = 0
    in_flight: int = 0

    def charge(self, credits: int) -> None:
        """Let the vendor charge for something that we do not know of."""
        self.balance -= credits
        self.consumed += credits

    def accept(self, credits: int) -> None:
        """Let the vendor take a job of ours."""
        self.charge(credits)
        self.charged += credits
        self.in_flight += credits

    def fail(self, credits: int) -> None:
        """End a job of ours with a refund."""
        self.balance += credits
        self.consumed -= credits if self.refund_lowers_consumed else 0
        self.refunded += credits
        self.in_flight -= credits

    def look(self, minutes: int, **changes: Any) -> Standing:
        """Sample the meter."""
        standing = Standing(
            taken_at=NOON + timedelta(minutes=minutes),
            balance=self.balance,
            purchased=self.purchased,
            consumed=self.consumed,
            charged=self.charged,
            refunded=self.refunded,
            in_flight=self.in_flight,
            unknown=0,
            stable=True,
        )
        return replace(standing, **changes)


credits = st.integers(1, 360)
jobs = st.lists(st.tuples(credits, st.booleans()), max_size=12)


def after(jobs_: list[tuple[int, bool]], *, net: bool, strange: int, top_up: int) -> World:
    """Return a world in which these jobs ended, well or badly, beside other things."""
    world = World(refund_lowers_consumed=net)
    for size, fails in jobs_:
        world.accept(size)
        if fails:
            world.fail(size)
        else:
            world.in_flight -= size
    world.charge(strange)
    world.balance += top_up
    world.purchased += top_up
    return world


@given(jobs, st.booleans(), st.integers(0, 500), st.integers(0, 10_000))
def test_p20_the_discrepancy_is_what_our_books_do_not_explain(
    jobs_: list[tuple[int, bool]], net: bool, strange: int, top_up: int
) -> None:
    world = after(jobs_, net=net, strange=strange, top_up=top_up)
    later = world.look(5)
    # What looks exactly like a refund that is booked as a purchase is taken for one.
    assume(not strange == top_up == later.refunded)
    assert compare(World().look(0), later).discrepancy == strange


@given(jobs, st.booleans())
def test_p20_consumption_alone_agrees_under_both_readings_of_a_refund(
    jobs_: list[tuple[int, bool]], net: bool
) -> None:
    later = after(jobs_, net=net, strange=0, top_up=0).look(5, balance=None)
    step = compare(World().look(0, balance=None), later)
    assert step.discrepancy == 0
    if later.refunded:
        assert step.reading == (Reading.NET if net else Reading.GROSS)
    else:
        assert step.reading == Reading.EITHER


@given(jobs, st.integers(0, 500), st.lists(st.booleans(), min_size=6, max_size=6))
def test_nulls_make_samples_incomparable_or_leave_the_discrepancy_as_it_is(
    jobs_: list[tuple[int, bool]], strange: int, missing: list[bool]
) -> None:
    names = ("balance", "purchased", "consumed")
    earlier = replace(World().look(0), **_nulls(names, missing[:3]))
    later = replace(
        after(jobs_, net=True, strange=strange, top_up=0).look(5), **_nulls(names, missing[3:])
    )
    step = compare(earlier, later)
    has_balance = earlier.balance is not None and later.balance is not None
    has_consumed = earlier.consumed is not None and later.consumed is not None
    if not has_balance and not has_consumed:
        assert step.discrepancy is None
    elif has_balance and not later.refunded:
        assert step.discrepancy == strange


def _nulls(names: tuple[str, ...], missing: list[bool]) -> dict[str, Any]:
    return {name: None for name, gone in zip(names, missing, strict=True) if gone}


@given(st.lists(credits, max_size=8), st.integers(1, 1000))
def test_jobs_that_sum_to_a_total_are_found_if_there_are_any(sizes: list[int], total: int) -> None:
    parts = [Cost(id=str(number), credits=size) for number, size in enumerate(sizes)]
    found = costs_that_sum_to(total, parts)
    possible = [
        len(chosen)
        for count in range(1, len(sizes) + 1)
        for chosen in itertools.combinations(sizes, count)
        if sum(chosen) == total
    ]
    if not possible:
        assert found == []
    elif min(possible) == 1:
        assert found == [job for job in parts if job.credits == total]
    else:
        assert len({job.id for job in found}) == len(found) == min(possible)
        assert sum(job.credits for job in found) == total


@given(st.lists(st.integers(4, 12), min_size=1, max_size=6), st.integers(-13, 20))
def test_a_price_that_changed_by_whole_credits_a_second_is_recognised(
    seconds: list[int], change: int
) -> None:
    assume(change)
    made = [_made(str(number), 14, long) for number, long in enumerate(seconds)]
    seen = explain(Change(change * sum(seconds)), Suspects(accepted=made))
    assert seen.verdict == UsageVerdict.PRICE_DIFFERS
    assert seen.candidates == tuple(job.id for job in made)
    assert f"{change:+} credits per second" in seen.detail


@given(jobs, jobs, st.booleans(), st.integers(0, 500), st.booleans(), st.integers(0, 120))
def test_only_two_quiet_samples_without_a_submit_between_make_a_level(
    first: list[tuple[int, bool]],
    second: list[tuple[int, bool]],
    net: bool,
    strange: int,
    stable: bool,
    seconds: int,
) -> None:
    previous = after(first, net=net, strange=strange, top_up=0).look(5)
    latest = after([*first, *second], net=net, strange=strange, top_up=0).look(5, stable=stable)
    latest = replace(latest, taken_at=previous.taken_at + timedelta(seconds=seconds))
    judgement = judge(World().look(0), previous, latest)
    calm = stable and not second and timedelta(seconds=seconds) >= APART
    assert judgement.is_baseline == calm
    assert judgement.change.discrepancy == strange
    assert judgement.verdict == (UsageVerdict.WAITING if strange else UsageVerdict.AGREES)


def _made(id_: str, rate: int, seconds: int, group: str = "720p with audio") -> Cost:
    return Cost(id=id_, credits=rate * seconds, seconds=seconds, rate=rate, group=group)


def test_the_first_readable_sample_is_the_level() -> None:
    seen = judge(None, None, FRESH)
    assert (seen.is_baseline, seen.verdict) == (True, UsageVerdict.STARTS)


@pytest.mark.parametrize("change", [{"stable": False}, {"in_flight": 70}])
def test_a_first_sample_that_may_be_off_is_no_level(change: dict[str, Any]) -> None:
    assert not judge(None, None, replace(FRESH, **change)).is_baseline


def test_a_sample_without_figures_is_no_level() -> None:
    blank = replace(FRESH, balance=None, consumed=None)
    seen = judge(FRESH, FRESH, blank)
    assert (seen.is_baseline, seen.verdict, seen.change.discrepancy) == (
        False,
        UsageVerdict.UNREADABLE,
        None,
    )


def test_a_meter_that_gives_other_figures_than_before_starts_anew() -> None:
    before = replace(FRESH, balance=None)
    after_ = replace(FRESH, consumed=None, taken_at=NOON + APART)
    seen = judge(before, before, after_)
    assert (seen.is_baseline, seen.verdict) == (True, UsageVerdict.STARTS)


def test_a_refund_that_polling_has_not_seen_yet_is_waited_for() -> None:
    world = World()
    world.accept(70)
    level = world.look(0)
    world.balance, world.consumed = world.balance + 70, 0
    first, second = world.look(5), world.look(10)
    assert not judge(level, first, second).is_baseline
    world.refunded, world.in_flight = 70, 0
    third, fourth = world.look(15), world.look(20)
    seen = judge(level, third, fourth)
    assert (seen.is_baseline, seen.change.discrepancy) == (True, 0)


def test_a_discrepancy_that_does_not_persist_is_none() -> None:
    level = World().look(0)
    blip = World().look(5, consumed=500, balance=9_500)
    assert judge(level, level, blip).verdict == UsageVerdict.WAITING
    seen = judge(level, blip, World().look(10))
    assert (seen.is_baseline, seen.verdict) == (False, UsageVerdict.AGREES)
    assert judge(level, World().look(10), World().look(15)).is_baseline


def test_a_refund_that_is_booked_as_a_purchase_agrees() -> None:
    world = World(refund_lowers_consumed=False)
    world.accept(70)
    world.fail(70)
    world.purchased += 70
    assert compare(World().look(0), world.look(5)).discrepancy == 0


def test_a_balance_alone_that_rose_was_topped_up() -> None:
    blind = {"purchased": None, "consumed": None}
    earlier, later = World().look(0, **blind), World(balance=15_000).look(5, **blind)
    assert compare(earlier, later).discrepancy == 0


DOUBT = Cost(id="doubt", credits=70)


@pytest.mark.parametrize(
    ("step", "suspects", "verdict", "candidates"),
    [
        (Change(70), Suspects(unknown=[DOUBT]), UsageVerdict.UNKNOWN_SUBMIT, ("doubt",)),
        (
            Change(190),
            Suspects(unknown=[DOUBT, Cost("other", 120), Cost("third", 12)]),
            UsageVerdict.UNKNOWN_SUBMIT,
            ("doubt", "other"),
        ),
        (
            Change(70),
            Suspects(failed=[Cost("failed", 70)]),
            UsageVerdict.REFUND_NOT_SEEN,
            ("failed",),
        ),
        (Change(70), Suspects(siblings=[Cost("9", 70)]), UsageVerdict.SHARED_ACCOUNT, ()),
        (Change(70), Suspects(), UsageVerdict.USED_OUTSIDE, ()),
        (Change(71), Suspects(unknown=[DOUBT]), UsageVerdict.USED_OUTSIDE, ()),
        (
            Change(10),
            Suspects(accepted=[_made("a", 14, 5)]),
            UsageVerdict.PRICE_DIFFERS,
            ("a",),
        ),
        # One more job at a known price is likelier than a price that doubled.
        (
            Change(70),
            Suspects(accepted=[_made("a", 14, 5)], prices=frozenset({70})),
            UsageVerdict.USED_OUTSIDE,
            (),
        ),
        # A thousandfold price is none.
        (
            Change(70_000),
            Suspects(accepted=[_made("a", 14, 5)]),
            UsageVerdict.USED_OUTSIDE,
            (),
        ),
        (
            Change(30),
            Suspects(
                accepted=[_made("a", 14, 5), _made("b", 3, 4, "480p"), _made("c", 3, 6, "480p")]
            ),
            UsageVerdict.PRICE_DIFFERS,
            ("b", "c"),
        ),
        (
            Change(-10),
            Suspects(accepted=[_made("a", 14, 5)]),
            UsageVerdict.PRICE_DIFFERS,
            ("a",),
        ),
        (
            Change(-70),
            Suspects(discrepancies=[Cost("1", 70), Cost("2", 70)]),
            UsageVerdict.MADE_GOOD,
            ("1",),
        ),
        (
            Change(-82),
            Suspects(discrepancies=[Cost("1", 70), Cost("2", 12)]),
            UsageVerdict.MADE_GOOD,
            ("1", "2"),
        ),
        (
            Change(70),
            Suspects(discrepancies=[Cost("1", 70), Cost("2", -70)]),
            UsageVerdict.MADE_GOOD,
            ("2",),
        ),
        (
            Change(-70),
            Suspects(settled=[Cost("done", 70)]),
            UsageVerdict.LATE_REFUND,
            ("done",),
        ),
        (Change(-70), Suspects(), UsageVerdict.CHARGED_LESS, ()),
        (Change(-900, fell=True), Suspects(), UsageVerdict.WENT_BACK, ()),
        (
            Change(50, contradicts=True),
            Suspects(unknown=[DOUBT]),
            UsageVerdict.CONTRADICTS,
            (),
        ),
        (Change(-50, contradicts=True, fell=True), Suspects(), UsageVerdict.WENT_BACK, ()),
    ],
)
def test_a_discrepancy_has_its_likeliest_cause(
    step: Change, suspects: Suspects, verdict: UsageVerdict, candidates: tuple[str, ...]
) -> None:
    seen = explain(step, suspects)
    assert (seen.verdict, seen.candidates) == (verdict, candidates)
    assert seen.detail


def test_a_meter_that_starts_its_totals_anew_went_back() -> None:
    earlier, later = World(consumed=5000).look(0), World(consumed=0).look(5)
    step = compare(earlier, later)
    assert (step.contradicts, step.fell) == (True, True)
    other_account = compare(World().look(0), World(balance=300, purchased=500).look(5))
    assert (other_account.discrepancy, other_account.restarted) == (200, True)
    assert explain(other_account, Suspects()).verdict == UsageVerdict.WENT_BACK


@pytest.mark.parametrize(
    ("discrepancy", "in_flight", "proven"),
    [(0, 0, True), (30, 0, True), (0, 69, True), (70, 0, False), (0, 70, False), (-5, 0, False)],
)
def test_p13_a_doubt_is_cleared_only_when_nothing_can_hide_its_charge(
    discrepancy: int, in_flight: int, proven: bool
) -> None:
    latest = replace(FRESH, in_flight=in_flight)
    assert still_unknown(Change(discrepancy), latest, [DOUBT]) == ([DOUBT] if proven else [])
