"""P12: whatever is granted, held, settled, released and limited, the sums add up."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from billing.audit import audit_books
from billing.errors import InsufficientCredits, SpendLimitExceeded
from billing.ledger import release_hold, settle_hold
from billing.models import Hold, SpendLimit
from billing.selectors import Books, books_of, use_of
from billing.services.limits import set_limit
from billing.subjects import LimitHolder, Subject
from billing.windows import window_start
from tests.factories import SYSTEM, fund, make_hold, make_team

pytestmark = pytest.mark.django_db

SUBJECTS = (Subject("api_key", "1"), Subject("member", "1:1"), Subject("team", "1"))
WINDOWS = ("hour", "day", "total")
UTC_ZONE = ZoneInfo("UTC")
AMOUNTS = st.integers(1, 200)


class Money(RuleBasedStateMachine):
    """A team's money beside a plain model of it."""

    holds: Bundle[Hold] = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 5, 1, 22, tzinfo=UTC)
        self.team = make_team()
        self.granted = self.spent = 0
        self.open: dict[Any, int] = {}
        self.limits: dict[tuple[Subject, str], int] = {}
        self.counted: dict[tuple[Subject, str, datetime], dict[Any, int]] = {}

    @rule(amount=AMOUNTS)
    def grant(self, amount: int) -> None:
        fund(self.team, amount)
        self.granted += amount

    @rule(minutes=st.integers(1, 90))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(
        subject=st.sampled_from(SUBJECTS),
        window=st.sampled_from(WINDOWS),
        credits=st.integers(0, 400),
    )
    def limit(self, subject: Subject, window: str, credits: int) -> None:
        set_limit(LimitHolder(self.team, subject), window=window, credits=credits, by=SYSTEM)
        self.limits[subject, window] = credits

    @precondition(lambda self: self.limits)
    @rule(data=st.data())
    def lift(self, data: Any) -> None:
        subject, window = data.draw(st.sampled_from(sorted(self.limits, key=str)))
        set_limit(LimitHolder(self.team, subject), window=window, credits=None, by=SYSTEM)
        del self.limits[subject, window]
        for place in [place for place in self.counted if place[:2] == (subject, window)]:
            del self.counted[place]

    @rule(target=holds, amount=AMOUNTS)
    def hold(self, amount: int) -> Any:
        places = [(*limit, self._start(limit[1])) for limit in self.limits]
        full = [
            place
            for place in places
            if sum(self.counted.get(place, {}).values()) + amount > self.limits[place[:2]]
        ]
        short = self.granted - self.spent - sum(self.open.values()) < amount
        try:
            with transaction.atomic():
                hold = make_hold(self.team, amount, subjects=SUBJECTS, now=self.now)
        except SpendLimitExceeded:
            assert full
            return multiple()
        except InsufficientCredits:
            assert short
            assert not full
            return multiple()
        assert not full
        assert not short
        self.open[hold.pk] = amount
        for place in places:
            self.counted.setdefault(place, {})[hold.pk] = amount
        return hold

    @rule(hold=holds)
    def settle(self, hold: Hold) -> None:
        closed = self._close(settle_hold, hold)
        assert (closed is not None) == (hold.pk in self.open)
        self.spent += self.open.pop(hold.pk, 0)

    @rule(hold=holds)
    def release(self, hold: Hold) -> None:
        closed = self._close(release_hold, hold)
        assert (closed is not None) == (hold.pk in self.open)
        if self.open.pop(hold.pk, None):
            for members in self.counted.values():
                members.pop(hold.pk, None)

    @invariant()
    def sums_add_up(self) -> None:
        held = sum(self.open.values())
        assert books_of(self.team) == Books(
            granted=self.granted,
            available=self.granted - held - self.spent,
            held=held,
            spent=self.spent,
        )

    @invariant()
    def windows_agree(self) -> None:
        for (subject, window), credits in self.limits.items():
            limit = SpendLimit.objects.get(
                subject_kind=subject.kind, subject_id=subject.id, window=window
            )
            use = use_of(limit, now=self.now)
            members = self.counted.get((subject, window, self._start(window)), {})
            assert limit.credits == credits
            assert use.used == sum(members.values())
            assert use.held == sum(n for pk, n in members.items() if pk in self.open)

    def teardown(self) -> None:
        assert not list(audit_books())

    def _start(self, window: str) -> datetime:
        return window_start(window, self.now, UTC_ZONE)

    def _close(self, verb: Callable[..., Any], hold: Hold) -> Any:
        with transaction.atomic():
            return verb(hold_id=hold.pk, by=SYSTEM, reason="Done", now=self.now)


def test_p12_the_sums_add_up_after_any_sequence() -> None:
    class Isolated(Money):
        """Runs each sequence in a savepoint of the test's transaction."""

        def __init__(self) -> None:
            self._savepoint = transaction.savepoint()
            super().__init__()

        def teardown(self) -> None:
            super().teardown()
            transaction.savepoint_rollback(self._savepoint)

    run_state_machine_as_test(
        Isolated, settings=settings(max_examples=25, stateful_step_count=20, deadline=None)
    )
