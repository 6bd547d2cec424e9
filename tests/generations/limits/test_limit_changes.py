"""Limits that are set, changed and lifted while credits are held and spent under them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from billing.errors import SpendLimitExceeded
from billing.models import SpendLimit, SpendWindow
from billing.selectors import use_of
from generations.limits.service import cap
from generations.models import Generation
from generations.review.corrections import adjust
from generations.vendors import TaskStatus
from platform_site.errors import InvalidRequest
from tests.factories import SYSTEM, make_api_key, make_generation
from tests.support.desk import NOON, SCOPES, Desk, complete, fail, hear, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]


def used(limit: SpendLimit | None) -> tuple[int, int]:
    """Return what a limit counts in its current window: held, spent."""
    assert limit is not None
    use = use_of(limit)
    return use.held, use.spent


@pytest.mark.parametrize("window", ["hour", "day", "week", "month", "total"])
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.usefixtures("noon")
def test_a_new_limit_knows_what_its_window_held_and_spent_before(
    desk: Desk, scope: str, window: str
) -> None:
    complete(desk.submit())
    fail(desk.submit())
    desk.submit()
    assert used(desk.cap(scope, 200, window)) == (70, 70)
    with pytest.raises(SpendLimitExceeded):
        desk.submit()


@pytest.mark.usefixtures("noon")
def test_what_was_held_before_a_limit_closes_under_it(desk: Desk) -> None:
    first, second = send(desk.submit()), send(desk.submit())
    limit = desk.cap("team", 200, "day")
    hear(first, TaskStatus.COMPLETED)
    hear(second, TaskStatus.FAILED)
    assert used(limit) == (0, 70)


def test_p14_a_new_limit_counts_what_corrections_made_of_earlier_holds(desk: Desk) -> None:
    charged, refunded = fail(desk.submit()), complete(desk.submit())
    complete(desk.submit())
    for generation, spent in [(charged, True), (refunded, False)]:
        adjust(generation, spent=spent, by=SYSTEM, reason="The bill", now=datetime.now(UTC))
    assert used(desk.cap("team", 500)) == (0, 140)


@pytest.mark.parametrize(
    ("window", "earlier"),
    [
        ("hour", timedelta(minutes=1)),
        ("day", timedelta(hours=12, minutes=1)),
        ("week", timedelta(days=3)),
        ("month", timedelta(days=11)),
    ],
)
@pytest.mark.usefixtures("noon")
def test_p07_a_new_limit_does_not_count_the_window_before(
    desk: Desk, window: str, earlier: timedelta
) -> None:
    desk.submit(now=NOON - earlier)
    assert used(desk.cap("member", 70, window)) == (0, 0)
    desk.submit()
    assert used(desk.cap("member", 70, window)) == (70, 0)


@pytest.mark.usefixtures("noon")
def test_p07_a_new_limit_counts_each_earlier_hold_in_its_own_window(desk: Desk) -> None:
    # The clock of another process is a little ahead, over the border.
    desk.submit(now=NOON.replace(minute=59, second=59))
    desk.submit(now=NOON.replace(hour=13, minute=0, second=0))
    limit = desk.cap("team", 100, "hour")
    windows = SpendWindow.objects.filter(limit=limit).order_by("starts_at")
    assert [(row.starts_at.hour, row.held) for row in windows] == [(12, 70), (13, 70)]
    with pytest.raises(SpendLimitExceeded):
        desk.submit(now=NOON.replace(hour=13, minute=1))


def test_a_new_limit_counts_its_own_subject_only(desk: Desk) -> None:
    other_key = make_api_key(desk.membership).key
    make_generation(desk.membership, submission={"api_key": other_key})
    desk.submit()
    assert used(desk.cap("api_key", 500)) == (70, 0)
    assert used(desk.cap("project", 500)) == (70, 0)
    assert used(desk.cap("member", 500)) == (140, 0)


def test_a_limit_lowered_below_its_use_admits_nothing_and_takes_nothing_back(desk: Desk) -> None:
    desk.cap("team", 300)
    running, waiting = send(desk.submit()), desk.submit()
    limit = desk.cap("team", 100)
    with pytest.raises(SpendLimitExceeded) as caught:
        desk.submit(duration=4, resolution="480p", generate_audio=False)
    assert caught.value.message.endswith("has 0 left.")
    assert caught.value.details["variants"] == []
    hear(running, TaskStatus.COMPLETED)
    complete(waiting)
    assert used(limit) == (0, 140)


def test_a_limit_raised_in_flight_admits_to_its_new_last_credit(desk: Desk) -> None:
    desk.cap("team", 70)
    desk.submit()
    limit = desk.cap("team", 150)
    desk.submit()
    with pytest.raises(SpendLimitExceeded):
        desk.submit()
    assert used(limit) == (140, 0)
    assert SpendLimit.objects.count() == 1


def test_a_limit_lifted_in_flight_leaves_what_runs_to_its_end(desk: Desk) -> None:
    desk.cap("team", 140)
    desk.cap("project", 140)
    settling, releasing = send(desk.submit()), send(desk.submit())
    desk.cap("team", None)
    hear(settling, TaskStatus.COMPLETED)
    hear(releasing, TaskStatus.FAILED)
    assert used(desk.cap("team", 1_000)) == (0, 70)


def test_a_limit_that_comes_back_counts_anew_what_it_missed(desk: Desk) -> None:
    desk.cap("member", 500)
    desk.submit()
    desk.cap("member", None)
    desk.submit()
    assert used(desk.cap("member", 500)) == (140, 0)


def test_a_limit_of_nothing_admits_nothing(desk: Desk) -> None:
    desk.cap("project", 0)
    with pytest.raises(SpendLimitExceeded):
        desk.submit(duration=4, resolution="480p", generate_audio=False)
    assert not Generation.objects.exists()


@pytest.mark.parametrize("credits", [-1, 10**12 + 1, True, 1.5, float("nan"), "70"])
def test_p08_a_limit_is_a_whole_number_of_credits(desk: Desk, credits: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        cap(desk.team, window="day", credits=credits, by=SYSTEM)
    assert caught.value.field == "credits"
    assert not SpendLimit.objects.exists()


def test_a_limit_has_one_of_five_windows(desk: Desk) -> None:
    with pytest.raises(InvalidRequest) as caught:
        cap(desk.team, window="year", credits=1, by=SYSTEM)
    assert caught.value.field == "window"


def test_p35_each_change_of_a_limit_is_in_the_audit_trail(desk: Desk) -> None:
    for credits in [100, 50, None]:
        desk.cap("project", credits, "day")
    trail = desk.team.auditevent_set.filter(action="spend_limit.set").order_by("id")
    assert [(one.subject_kind, one.subject_id, one.data) for one in trail] == [
        ("project", str(desk.project.pk), {"window": "day", "credits": credits})
        for credits in [100, 50, None]
    ]
    assert {one.actor for one in trail} == {"test"}


def test_a_limit_set_at_any_moment_counts_to_the_second(desk: Desk) -> None:
    with time_machine.travel(NOON.replace(minute=0, second=0), tick=False):
        desk.submit()
        assert used(desk.cap("team", 100, "hour")) == (70, 0)
