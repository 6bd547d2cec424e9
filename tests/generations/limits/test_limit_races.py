"""Limits that change while many submit and much ends: never one credit over, and no deadlock."""

import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from billing.errors import SpendLimitExceeded
from billing.models import SpendLimit, SpendWindow
from billing.selectors import use_of
from generations.limits.service import cap
from generations.models import Generation
from generations.reports.audit import audit_site
from generations.review.corrections import adjust
from generations.vendors import TaskStatus
from platform_site.errors import Conflict
from tests.factories import SYSTEM, fund
from tests.support.desk import SCOPES, Desk, complete, fail, hear, send
from tests.support.races import race

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

CHEAP: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False}  # 12 credits


def unexpected(results: Sequence[object], *expected: type[Exception]) -> list[object]:
    """Return the errors that nobody foresaw: a deadlock, a broken constraint, a crash."""
    return [one for one in results if isinstance(one, Exception) and not isinstance(one, expected)]


@pytest.mark.parametrize("scope", SCOPES)
def test_p01_from_the_moment_that_a_limit_is_set_it_holds(desk: Desk, scope: str) -> None:
    fund(desk.team, 10_000)
    admitted_before: list[int] = []

    def work(number: int) -> object:
        if number == 12:
            desk.cap(scope, 0, "day")
            # Whatever commits from now on would be admitted over a limit of nothing.
            admitted_before.append(Generation.objects.count())
            return None
        return [desk.submit(**CHEAP) for _ in range(4)]

    results = race(24, work)
    assert unexpected(results, SpendLimitExceeded) == []
    assert Generation.objects.count() == admitted_before[0]
    use = use_of(SpendLimit.objects.get())
    assert use.held == 12 * admitted_before[0]
    assert list(audit_site()) == []


def test_p01_limits_that_come_change_and_go_among_admissions_and_ends_count_every_hold(
    desk: Desk,
) -> None:
    fund(desk.team, 10_000)
    running = [send(desk.submit(**CHEAP)) for _ in range(24)]
    ends = itertools.cycle([TaskStatus.COMPLETED, TaskStatus.FAILED])

    def toggle(scope: str) -> None:
        for credits in [5_000, None, 4_000, 3_000, None, 2_000]:
            desk.cap(scope, credits, "day")

    def work(number: int) -> object:
        if number < len(SCOPES):
            toggle(SCOPES[number])
            return None
        if number < 18:
            return [desk.submit(**CHEAP) for _ in range(4)]
        mine = running[number - 18 :: 12]
        return [hear(one, word) for one, word in zip(mine, ends, strict=False)]

    results = race(30, work)
    assert unexpected(results) == []
    assert SpendLimit.objects.count() == len(SCOPES)
    assert list(audit_site()) == []
    held = sum(Generation.objects.filter(state="queued").values_list("credits", flat=True))
    spent = sum(Generation.objects.filter(state="completed").values_list("credits", flat=True))
    for window in SpendWindow.objects.all():
        assert (window.held, window.spent) == (held, spent)


def test_p14_a_correction_counts_once_under_a_limit_that_is_set_meanwhile(desk: Desk) -> None:
    fund(desk.team, 10_000)
    ended = [(complete if number % 2 else fail)(desk.submit(**CHEAP)) for number in range(16)]

    def work(number: int) -> object:
        if number == 16:
            return desk.cap("team", 5_000, "day")
        if number == 17:
            return desk.cap("project", 5_000, "month")
        correct, now = ended[number], datetime.now(UTC)
        adjust(correct, spent=number % 2 == 0, by=SYSTEM, reason="The bill", now=now)
        return None

    assert unexpected(race(18, work)) == []
    assert list(audit_site()) == []
    assert {window.spent for window in SpendWindow.objects.all()} == {8 * 12}


def test_ends_and_admissions_never_deadlock_whichever_limit_was_set_first(desk: Desk) -> None:
    fund(desk.team, 10_000)
    earlier: list[Generation] = []
    # A limit counts what was held before it, so the holds' links are in the order of setting.
    for scope in reversed(SCOPES):
        earlier += [send(desk.submit(**CHEAP)) for _ in range(4)]
        desk.cap(scope, 9_000)

    def work(number: int) -> object:
        if number < len(earlier):
            return hear(earlier[number], TaskStatus.FAILED)
        return [desk.submit(**CHEAP) for _ in range(2)]

    assert unexpected(race(len(earlier) + 16, work)) == []
    assert list(audit_site()) == []


def test_two_managers_who_set_one_limit_at_once_leave_one(desk: Desk) -> None:
    desk.submit(**CHEAP)

    def work(number: int) -> object:
        return cap(desk.team, window="day", credits=100 + number, by=SYSTEM)

    results = race(8, work)
    assert unexpected(results) == []
    limit = SpendLimit.objects.get()
    assert use_of(limit).held == 12
    assert list(audit_site()) == []


def test_a_limit_lifted_at_the_same_moment_refuses_or_admits_and_never_breaks(desk: Desk) -> None:
    fund(desk.team, 10_000)
    turns: list[Callable[[], object]] = [
        lambda: desk.cap("team", 0, "hour"),
        lambda: desk.cap("team", None, "hour"),
    ]

    def work(number: int) -> object:
        if number == 0:
            return [turns[turn % 2]() for turn in range(20)]
        for _ in range(6):
            with suppress(SpendLimitExceeded, Conflict):
                desk.submit(**CHEAP)
        return None

    assert unexpected(race(10, work)) == []
    assert list(audit_site()) == []


def test_a_busy_team_can_still_be_capped(desk: Desk) -> None:
    fund(desk.team, 100_000)
    stop: list[bool] = []

    def work(number: int) -> object:
        if number == 0:
            try:
                return [desk.cap(scope, 90_000, "month") for scope in SCOPES]
            finally:
                stop.append(True)
        mine: list[Generation] = []
        while not stop:
            mine.append(desk.submit(**CHEAP))
            if number % 2 and len(mine) > 2:
                fail(mine.pop(0))
        return None

    assert unexpected(race(10, work)) == []
    assert SpendLimit.objects.count() == len(SCOPES)
    assert list(audit_site()) == []
