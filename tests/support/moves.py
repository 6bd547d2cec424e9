"""What may happen to a generation in each state, and what the model of the books makes of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from accounts.authority import By
from accounts.models import Membership
from billing.errors import InsufficientCredits, LedgerConflict
from generations.approvals.service import approve, deny
from generations.dispatch.send import record_acceptance
from generations.dispatch.submit_unknown import mark_submit_unknown
from generations.lifecycle import Ending, Money, ReviewCause, State
from generations.models import Generation
from generations.polling.outcome import PollOutcome, apply_answer
from generations.review.adopt import adopt_task
from generations.review.corrections import adjust, release_reviewed, settle_reviewed
from generations.transitions import end_generation
from generations.vendors import TaskReport, TaskStatus
from platform_site.errors import Conflict, PermissionDenied
from tests.factories import SYSTEM
from tests.support.bookkeeper import Bookkeeper, Job, Person
from tests.support.desk import fresh
from tests.support.submits import claim


class Moves(Bookkeeper):
    """Moves of generations; `people` submit, `owner` decides, and `time` passes."""

    people: list[Person]
    owner: Membership
    time: time_machine.Traveller

    def moves_of(self, job: Job) -> list[Callable[[Job], None]]:
        match job.row.state:
            case State.AWAITING_APPROVAL:
                return [self.approve, self.approve, self.deny]
            case State.QUEUED:
                return [*[self.accept] * 3, self.lose_the_answer, self.refuse, self.cancel]
            case State.PROCESSING:
                return [self.complete, self.fail, self.wait, *[self.wait_too_long] * 2]
            case State.NEEDS_REVIEW:
                return [*[self.release, self.settle] * 2, self.complete, self.fail]
            case _:
                watched = [self.hear_completed_late, self.hear_failed_late] * 2
                corrections = [self.spend_after_all, self.give_back_after_all, self.repeat]
                return [*corrections, *(watched if job.row.next_poll_at else [])]

    def approve(self, job: Job) -> None:
        with pytest.raises(PermissionDenied):
            approve(job.row, by=By.member(self.people[0].membership), now=self.now)
        if self.expired(job):
            with pytest.raises(Conflict):
                approve(job.row, by=By.member(self.owner), now=self.now)
        else:
            approve(job.row, by=By.member(self.owner), now=self.now)

    def deny(self, job: Job) -> None:
        if not self.expired(job):
            deny(job.row, by=By.member(self.owner), now=self.now, reason="Too expensive")
            job.money = "free"

    def expired(self, job: Job) -> bool:
        return self.now >= job.at + timedelta(days=3)

    def cancel(self, job: Job) -> None:
        end: dict[str, Any] = {"money": Money.RELEASE, "by": SYSTEM, "now": self.now}
        assert end_generation(job.row, Ending.CANCELLED, **end)
        job.money = "free"

    def accept(self, job: Job) -> None:
        claimed = self.claimed(job)
        assert record_acceptance(claimed, f"vendor-{claimed.pk}", now=self.now)
        job.stale = fresh(claimed)

    def lose_the_answer(self, job: Job) -> None:
        assert mark_submit_unknown(
            self.claimed(job), cause=ReviewCause.BROKEN_OFF, message="No answer.", by=SYSTEM
        )

    def refuse(self, job: Job) -> None:
        end: dict[str, Any] = {"money": Money.RELEASE, "by": SYSTEM, "now": self.now}
        assert end_generation(
            self.claimed(job), Ending.REFUSED, error_code="invalid_request", **end
        )
        job.money = "free"

    def claimed(self, job: Job) -> Generation:
        claimed = claim(job.row, now=self.now)
        assert claimed is not None
        assert claim(job.row, now=self.now) is None
        return claimed

    def complete(self, job: Job) -> None:
        self.hear(self.adopted(job), TaskStatus.COMPLETED)
        job.money = "spent"

    def fail(self, job: Job) -> None:
        self.hear(self.adopted(job), TaskStatus.FAILED)
        job.money = "free"

    def wait(self, job: Job) -> None:
        self.hear(fresh(job.row), TaskStatus.PROCESSING)

    def wait_too_long(self, job: Job) -> None:
        self.time.shift(timedelta(hours=2, minutes=1))
        self.hear(fresh(job.row), None)
        assert fresh(job.row).state == State.NEEDS_REVIEW

    def adopted(self, job: Job) -> Generation:
        if job.row.upstream_id is None:
            assert adopt_task(job.row, f"vendor-{job.row.pk}", by=SYSTEM, now=self.now)
            job.stale = fresh(job.row)
        return fresh(job.row)

    def release(self, job: Job) -> None:
        release_reviewed(job.row, by=SYSTEM, reason="Not taken.", now=self.now)
        job.money = "free"

    def settle(self, job: Job) -> None:
        settle_reviewed(job.row, by=SYSTEM, reason="On the bill.", now=self.now)
        job.money = "spent"

    def hear_completed_late(self, job: Job) -> None:
        self.hear_late(job, TaskStatus.COMPLETED, "spent")

    def hear_failed_late(self, job: Job) -> None:
        self.hear_late(job, TaskStatus.FAILED, "free")

    def hear_late(self, job: Job, word: TaskStatus, true: str) -> None:
        """Let the vendor answer after a person decided, as long as it is asked."""
        payable = true != "spent" or self.available >= job.credits
        self.hear(fresh(job.row), word)
        if true != job.money and not job.adjusted and payable:
            job.money, job.adjusted = true, True

    def repeat(self, job: Job) -> None:
        """Let a slow worker's answer come to what was ended meanwhile: nothing comes of it."""
        if job.stale is not None:
            for word in TaskStatus:
                self.hear(job.stale, word)

    def spend_after_all(self, job: Job) -> None:
        self.adjust(job, spent=True)

    def give_back_after_all(self, job: Job) -> None:
        self.adjust(job, spent=False)

    def adjust(self, job: Job, *, spent: bool) -> None:
        wanted = "spent" if spent else "free"
        possible = job.money != wanted and not job.adjusted
        payable = not spent or self.available >= job.credits
        words: dict[str, Any] = {"by": SYSTEM, "reason": "On the bill.", "now": self.now}
        if possible and payable:
            adjust(job.row, spent=spent, **words)
            job.money, job.adjusted = wanted, True
        else:
            with pytest.raises(InsufficientCredits if possible else LedgerConflict):
                adjust(job.row, spent=spent, **words)

    def hear(self, row: Generation, word: TaskStatus | None) -> None:
        report = None
        if word is not None:
            links = ("https://file.example/1.mp4",) if word == TaskStatus.COMPLETED else ()
            report = TaskReport(row.upstream_id or "", word, urls=links)
        apply_answer(PollOutcome(row, report), now=self.now)
