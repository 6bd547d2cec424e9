"""Who decides an approval, once, in time, and what becomes of its credits."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from accounts.authority import By
from accounts.models import AuditEvent, Membership
from accounts.roles import Role
from billing.models import Hold, Rate, Transfer
from billing.selectors import Books, books_of
from generations.approvals.service import (
    APPROVAL_LIFE,
    approve,
    deny,
    expire_approvals,
    set_threshold,
)
from generations.lifecycle import State
from generations.models import Approval, Generation
from generations.ops.agenda import enqueue_due_steps
from generations.reports.audit import audit_site
from platform_site.errors import Conflict, PermissionDenied
from tests.factories import SYSTEM, make_member
from tests.support.desk import Desk, fresh
from tests.support.races import race
from tests.support.sending import send_all
from tests.support.steps import empty_queue
from tests.support.vendor import Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]

Decide = Callable[..., None]


def now() -> datetime:
    return datetime.now(UTC)


# Who decides


def test_a_manager_approves_and_it_is_sent_as_it_was_admitted(
    waiting: Generation, alice: Membership, vendor: Vendor
) -> None:
    approve(
        waiting,
        by=By.member(alice),
        now=now(),
        reason="For the launch",
    )
    empty_queue()  # lost: the sweep finds it
    enqueue_due_steps(now() + timedelta(minutes=2))
    send_all()
    assert len(vendor.creates) == 1
    assert vendor.creates[0].json["input"] == waiting.body["input"]
    assert fresh(waiting).state == State.PROCESSING


def test_a_manager_denies_and_the_credits_come_back(
    desk: Desk, waiting: Generation, alice: Membership
) -> None:
    deny(
        waiting,
        by=By.member(alice),
        now=now(),
        reason="Too long",
    )
    ended = fresh(waiting)
    assert (ended.state, ended.error_code, ended.error_message) == (
        "cancelled",
        "approval_denied",
        "Too long",
    )
    assert books_of(desk.team) == Books(granted=1_000, available=1_000)


@pytest.mark.parametrize("decide", [approve, deny])
@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_others_decide_nothing(waiting: Generation, desk: Desk, role: str, decide: Decide) -> None:
    with pytest.raises(PermissionDenied):
        decide(waiting, by=By.member(make_member(desk.team, role)), now=now())
    assert Approval.objects.get().decision == "open"


@pytest.mark.parametrize("decide", [approve, deny])
def test_another_teams_owner_decides_nothing(
    waiting: Generation, charlie: Membership, decide: Decide
) -> None:
    with pytest.raises(PermissionDenied):
        decide(waiting, by=By.member(charlie), now=now())
    assert Approval.objects.get().decision == "open"


@pytest.mark.parametrize("second", [approve, deny])
@pytest.mark.parametrize("first", [approve, deny])
def test_what_is_decided_stays_decided(
    waiting: Generation, alice: Membership, first: Decide, second: Decide
) -> None:
    stale = fresh(waiting)
    first(waiting, by=By.member(alice), now=now())
    for generation in [stale, fresh(waiting)]:
        before = fresh(waiting).state
        with pytest.raises(Conflict):
            second(generation, by=By.member(alice), now=now())
        assert fresh(waiting).state == before
    assert AuditEvent.objects.filter(action__startswith="approval.").count() == 3


def test_what_never_waited_cannot_be_decided(desk: Desk, alice: Membership) -> None:
    generation = desk.submit()
    for decide in [approve, deny]:
        with pytest.raises(Conflict):
            decide(generation, by=By.member(alice), now=now())


def test_p35_every_decision_is_in_the_audit_trail(desk: Desk, alice: Membership) -> None:
    set_threshold(team=desk.team, above=0, by=SYSTEM)
    approved, denied, expired = [desk.submit(now=now()) for _ in range(3)]
    approve(
        approved,
        by=By.member(alice, request_id="req-1"),
        now=now(),
        reason="Yes",
    )
    deny(
        denied,
        by=By.member(alice, request_id="req-2"),
        now=now(),
        reason="No",
    )
    expire_approvals(now=now() + APPROVAL_LIFE)
    trail = AuditEvent.objects.filter(action__startswith="approval.").order_by("id")[4:]
    assert [
        (one.action, one.subject_id, one.actor, one.reason, one.request_id) for one in trail
    ] == [
        ("approval.approved", str(approved.pk), f"user:{alice.user_id}", "Yes", "req-1"),
        ("approval.denied", str(denied.pk), f"user:{alice.user_id}", "No", "req-2"),
        ("approval.expired", str(expired.pk), "system:approvals", "", ""),
    ]
    assert {one.subject_kind for one in trail} == {"generation"}
    assert {one.team for one in trail} == {desk.team}


# Time


def test_what_nobody_decides_expires_and_its_credits_come_back(
    desk: Desk, waiting: Generation
) -> None:
    asked_at = Approval.objects.get().asked_at
    enqueue_due_steps(asked_at + APPROVAL_LIFE - timedelta(seconds=1))
    assert fresh(waiting).state == State.AWAITING_APPROVAL
    enqueue_due_steps(asked_at + APPROVAL_LIFE)
    ended = fresh(waiting)
    assert (ended.state, ended.error_code) == ("cancelled", "approval_expired")
    assert books_of(desk.team) == Books(granted=1_000, available=1_000)
    assert expire_approvals(now=asked_at + APPROVAL_LIFE) == 0


def test_what_is_past_its_time_is_not_decided_before_the_sweep_comes(
    waiting: Generation, alice: Membership
) -> None:
    late = Approval.objects.get().expires_at
    for decide in [approve, deny]:
        with pytest.raises(Conflict):
            decide(waiting, by=By.member(alice), now=late)
    approve(waiting, by=By.member(alice), now=late - timedelta(seconds=1))


def test_p18_a_price_that_changes_while_it_waits_changes_nothing(
    desk: Desk, waiting: Generation, alice: Membership, vendor: Vendor
) -> None:
    rate = waiting.rate
    Rate.objects.create(
        model=rate.model,
        resolution=rate.resolution,
        audio=rate.audio,
        credits_per_second=rate.credits_per_second * 3,
        effective_from=now() - timedelta(seconds=1),
    )
    assert desk.submit(duration=4).credits == 4 * 42
    approve(waiting, by=By.member(alice), now=now())
    send_all()
    sent = fresh(waiting)
    assert (sent.state, sent.credits, sent.rate, sent.hold.amount) == ("processing", 70, rate, 70)


# Many at once


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p09_of_many_who_decide_at_once_one_does(desk: Desk, alice: Membership) -> None:
    set_threshold(team=desk.team, above=50, by=SYSTEM)
    manager = make_member(desk.team, Role.MANAGER)
    for turn in range(4):
        empty_queue()
        generation = desk.submit()
        due = Approval.objects.get(pk=generation.pk).expires_at

        def decide(number: int, generation: Generation = generation, due: datetime = due) -> str:
            if number % 3 == 2:
                return "expired" if expire_approvals(now=due) else "late"
            verb, decider = (approve, alice) if number % 3 else (deny, manager)
            verb(fresh(generation), by=By.member(decider), now=now())
            return verb.__name__

        results = race(9 + turn, decide)
        winners = [one for one in results if one in {"approve", "deny", "expired"}]
        losers = [one for one in results if one not in {"approve", "deny", "expired"}]
        assert len(winners) == 1
        assert all(one == "late" or isinstance(one, Conflict) for one in losers)
        decisions = AuditEvent.objects.filter(subject_id=str(generation.pk))
        assert decisions.exclude(action="approval.asked").count() == 1
        state = fresh(generation).state
        assert state == ("queued" if winners == ["approve"] else "cancelled")
        closings = Transfer.objects.filter(hold=generation.hold, kind__in=["settle", "release"])
        assert closings.count() == (0 if state == "queued" else 1)
    assert (
        Hold.objects.filter(closed_at=None).count()
        == Generation.objects.filter(state="queued").count()
    )
    assert list(audit_site()) == []
