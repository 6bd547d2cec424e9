"""Approvals: what waits, who decides it, once, by which door, and what becomes of its credits."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.authority import By
from accounts.models import ApiKey, AuditEvent, Membership, Project
from accounts.people.names import name_of
from accounts.roles import Role
from billing.errors import InsufficientCredits, SpendLimitExceeded
from billing.models import Hold, Rate, Transfer
from billing.selectors import Books, books_of
from generations.approvals.service import LIFE, approve, deny, expire_approvals, set_threshold
from generations.lifecycle import State
from generations.models import Approval, ApprovalThreshold, Generation
from generations.ops.sweep import enqueue_due_steps
from generations.reports.audit import audit
from platform_site.errors import Conflict, InvalidRequest, PermissionDenied
from tests.factories import SYSTEM, make_api_key, make_generation, make_member
from tests.support.api import Api
from tests.support.desk import Desk, fresh
from tests.support.races import race
from tests.support.steps import empty_queue, queued, run_queue, send_now
from tests.support.vendor import Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]

Decide = Callable[..., None]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def waiting(desk: Desk) -> Generation:
    """A generation of 70 credits that waits, because anything above 50 does."""
    set_threshold(team=desk.team, above=50, by=SYSTEM)
    return desk.submit()


@pytest.fixture
def manager_api(desk: Desk) -> Api:
    """The API as a manager of the team calls it."""
    manager = make_member(desk.team, Role.MANAGER, email="max@studio.example")
    return Api(make_api_key(manager).text)


# What waits


@pytest.mark.parametrize(("above", "state"), [(69, "awaiting_approval"), (70, "queued")])
def test_only_what_is_above_the_threshold_waits(desk: Desk, above: int, state: str) -> None:
    set_threshold(team=desk.team, above=above, by=SYSTEM)
    assert desk.submit().state == state


@pytest.mark.parametrize("scope", ["team", "member", "project"])
def test_a_threshold_of_any_scope_makes_it_wait(desk: Desk, scope: str) -> None:
    set_scope(desk, scope, 0)
    assert desk.submit().state == State.AWAITING_APPROVAL


def set_scope(desk: Desk, scope: str, above: int | None) -> ApprovalThreshold | None:
    user = desk.membership.user if scope == "member" else None
    project = desk.project if scope == "project" else None
    return set_threshold(team=desk.team, above=above, user=user, project=project, by=SYSTEM)


@pytest.mark.parametrize("strictest", ["team", "member", "project"])
def test_the_strictest_of_several_thresholds_wins(desk: Desk, strictest: str) -> None:
    for scope in ["team", "member", "project"]:
        set_scope(desk, scope, 1_000)
    set_scope(desk, strictest, 69)
    assert Approval.objects.get(generation=desk.submit()).above == 69
    set_scope(desk, strictest, None)
    assert desk.submit().state == State.QUEUED


def test_thresholds_of_others_do_not_count(desk: Desk, alice: Membership) -> None:
    other = Project.objects.create(team=desk.team, name="Other", slug="other")
    set_threshold(team=desk.team, above=0, user=alice.user, by=SYSTEM)
    set_threshold(team=desk.team, above=0, project=other, by=SYSTEM)
    assert desk.submit().state == State.QUEUED
    assert make_generation(desk.membership).state == State.QUEUED


@pytest.mark.parametrize("above", [-1, 10**12 + 1, True, 1.5, "5"])
def test_a_threshold_is_a_whole_number_of_credits(desk: Desk, above: Any) -> None:
    with pytest.raises(InvalidRequest):
        set_threshold(team=desk.team, above=above, by=SYSTEM)
    assert not ApprovalThreshold.objects.exists()


def test_p02_what_waits_holds_its_credits_and_is_not_sent(
    desk: Desk, waiting: Generation, vendor: Vendor
) -> None:
    assert books_of(desk.team) == Books(granted=1_000, available=930, held=70)
    assert queued() == [("ask", (str(waiting.pk),))]
    send_now()
    enqueue_due_steps(now())
    run_queue("send")
    assert vendor.creates == []
    assert fresh(waiting).state == State.AWAITING_APPROVAL


def test_p04_what_waits_counts_under_every_limit(desk: Desk, waiting: Generation) -> None:
    desk.cap("project", 100)
    with pytest.raises(SpendLimitExceeded) as caught:
        desk.submit()
    assert caught.value.details["held"] == waiting.credits


def test_what_has_no_room_is_refused_and_asks_nobody(desk: Desk) -> None:
    set_threshold(team=desk.team, above=0, by=SYSTEM)
    for _ in range(14):
        desk.submit()
    with pytest.raises(InsufficientCredits):
        desk.submit()
    assert Approval.objects.count() == 14


def test_the_api_answers_200_with_a_pending_task(desk: Desk, api: Api) -> None:
    set_threshold(team=desk.team, above=50, by=SYSTEM)
    task_id = api.accepted()
    task = api.task(task_id).json()
    assert (task["status"], task["progress"]) == ("pending", None)
    assert "error" not in task
    assert Generation.objects.get(pk=task_id).state == State.AWAITING_APPROVAL


def test_the_same_idempotency_key_asks_once(desk: Desk, api: Api) -> None:
    set_threshold(team=desk.team, above=50, by=SYSTEM)
    ids = {
        api.generate(headers={"Idempotency-Key": "k"}).json()["data"]["taskId"] for _ in range(3)
    }
    assert len(ids) == 1
    assert Approval.objects.count() == 1


def test_a_threshold_that_goes_lets_what_waits_wait(desk: Desk, waiting: Generation) -> None:
    set_threshold(team=desk.team, above=None, by=SYSTEM)
    assert fresh(waiting).state == State.AWAITING_APPROVAL


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
    run_queue("send")
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
    expire_approvals(now=now() + LIFE)
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
    enqueue_due_steps(asked_at + LIFE - timedelta(seconds=1))
    assert fresh(waiting).state == State.AWAITING_APPROVAL
    enqueue_due_steps(asked_at + LIFE)
    ended = fresh(waiting)
    assert (ended.state, ended.error_code) == ("cancelled", "approval_expired")
    assert books_of(desk.team) == Books(granted=1_000, available=1_000)
    assert expire_approvals(now=asked_at + LIFE) == 0


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
    run_queue("send")
    sent = fresh(waiting)
    assert (sent.state, sent.credits, sent.rate, sent.hold.amount) == ("processing", 70, rate, 70)


# The API's door


@pytest.mark.parametrize(("verb", "status"), [("approve", "pending"), ("deny", "failed")])
def test_the_api_decides_and_answers_with_the_task(
    waiting: Generation, manager_api: Api, verb: str, status: str
) -> None:
    reply = manager_api.post(f"/v1/tasks/{waiting.pk}/{verb}", {"reason": "Because"})
    assert reply.status_code == 200
    assert reply.json()["status"] == status
    approval = Approval.objects.get()
    assert approval.decision == {"approve": "approved", "deny": "denied"}[verb]
    assert approval.reason == "Because"
    assert name_of(approval.decided_by).startswith("max@studio.example by API key …")
    event = AuditEvent.objects.get(action=f"approval.{approval.decision}")
    assert event.request_id
    again = manager_api.post(f"/v1/tasks/{waiting.pk}/{verb}")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_the_api_takes_a_decision_without_a_body(
    waiting: Generation, manager_api: Api, verb: str
) -> None:
    path, key = f"/v1/tasks/{waiting.pk}/{verb}", {"Authorization": f"Bearer {manager_api.key}"}
    reply = manager_api.http.generic("POST", path, headers=key)
    assert reply.status_code == 200


@pytest.mark.parametrize("verb", ["approve", "deny"])
@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_the_api_answers_403_to_a_role_that_may_not(
    desk: Desk, waiting: Generation, role: str, verb: str
) -> None:
    reply = Api(make_api_key(make_member(desk.team, role)).text).post(
        f"/v1/tasks/{waiting.pk}/{verb}"
    )
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["type"]) == (
        403,
        "permission_denied",
        "permission_error",
    )
    assert Approval.objects.get().decision == "open"


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_p32_the_api_answers_a_stranger_as_for_a_task_that_is_not(
    waiting: Generation, stranger_api: Api, verb: str
) -> None:
    theirs = stranger_api.post(f"/v1/tasks/{waiting.pk}/{verb}")
    nobodys = stranger_api.post(f"/v1/tasks/{'0' * 8}-0000-4000-8000-{'0' * 12}/{verb}")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.content == nobodys.content
    assert Approval.objects.get().decision == "open"


@pytest.mark.parametrize("body", [{"reason": 5}, {"reason": "\0"}, {"reason": "\ud800"}])
def test_the_api_takes_text_for_a_reason_only(
    waiting: Generation, manager_api: Api, body: Any
) -> None:
    reply = manager_api.post(f"/v1/tasks/{waiting.pk}/deny", body)
    assert (reply.status_code, reply.json()["error"]["details"]) == (400, {"field": "reason"})
    assert Approval.objects.get().decision == "open"


def test_the_api_shortens_a_reason_without_end(waiting: Generation, manager_api: Api) -> None:
    reply = manager_api.post(f"/v1/tasks/{waiting.pk}/deny", {"reason": "é" * 10_000})
    assert reply.status_code == 200
    assert Approval.objects.get().reason == "é" * 500


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_the_api_decides_by_post_only(waiting: Generation, manager_api: Api, verb: str) -> None:
    assert manager_api.get(f"/v1/tasks/{waiting.pk}/{verb}").status_code == 405
    assert Api(None).post(f"/v1/tasks/{waiting.pk}/{verb}").status_code == 401


def test_a_key_whose_owner_was_demoted_decides_nothing(
    desk: Desk, waiting: Generation, manager_api: Api
) -> None:
    owner = ApiKey.objects.get(owner__email="max@studio.example").owner
    Membership.objects.filter(user=owner).update(role=Role.MEMBER)
    assert manager_api.post(f"/v1/tasks/{waiting.pk}/approve").status_code == 403


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
        sent = queued().count(("send", ()))
        state = fresh(generation).state
        assert (state, sent) == (("queued", 1) if winners == ["approve"] else ("cancelled", 0))
        closings = Transfer.objects.filter(hold=generation.hold, kind__in=["settle", "release"])
        assert closings.count() == (0 if state == "queued" else 1)
    assert (
        Hold.objects.filter(closed_at=None).count()
        == Generation.objects.filter(state="queued").count()
    )
    assert list(audit()) == []
