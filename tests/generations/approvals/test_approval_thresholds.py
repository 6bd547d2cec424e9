"""What waits for an approval: thresholds, what is held meanwhile, and what a client hears."""

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import Membership, Project
from billing.errors import InsufficientCredits, SpendLimitExceeded
from billing.selectors import Books, books_of
from generations.approvals.service import set_threshold
from generations.lifecycle import State
from generations.models import Approval, ApprovalThreshold, Generation
from generations.ops.agenda import enqueue_due_steps
from platform_site.errors import InvalidRequest
from tests.factories import SYSTEM, make_generation
from tests.support.api import Api
from tests.support.desk import Desk, fresh
from tests.support.sending import send_all, send_now
from tests.support.steps import queued
from tests.support.vendor import Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]


def now() -> datetime:
    return datetime.now(UTC)


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
    send_all()
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
