"""Whoever asked for an approval is told what became of it (F13)."""

from datetime import UTC, datetime

import pytest
from django.core import mail

from accounts.authority import By
from accounts.models import Membership, Notice, NoticeKind
from accounts.roles import Role
from generations.approvals.service import APPROVAL_LIFE, approve, deny, expire_approvals
from generations.dispatch import cancel_generation
from generations.models import Generation
from tests.factories import make_member
from tests.support.steps import run_queue

pytestmark = pytest.mark.django_db


def now() -> datetime:
    return datetime.now(UTC)


def told() -> Notice:
    return Notice.objects.get(kind=NoticeKind.APPROVAL_DECIDED)


def test_f13_of_an_approval_with_its_reason_by_notice_and_mail(
    waiting: Generation, alice: Membership
) -> None:
    approve(waiting, by=By.member(alice), now=now(), reason="For the launch")
    notice = told()
    assert (notice.user, notice.team) == (waiting.user, waiting.team)
    assert notice.title == "Approved: 70 credits for your film"
    assert "alice@studio.example approved your film." in notice.body
    assert "Reason: For the launch" in notice.body
    assert notice.path == f"/generations/{waiting.pk}/"
    run_queue("mail")
    [message] = [one for one in mail.outbox if "Approved" in one.subject]
    assert message.to == [waiting.user.email]
    assert "For the launch" in message.body


def test_f13_of_a_denial_and_that_its_credits_are_released(
    waiting: Generation, alice: Membership
) -> None:
    deny(waiting, by=By.member(alice), now=now(), reason="Too long")
    assert told().title == "Denied: 70 credits for your film"
    assert "its 70 credits are released." in told().body
    assert "Reason: Too long" in told().body


def test_f13_of_an_expiry(waiting: Generation) -> None:
    assert expire_approvals(now=now() + APPROVAL_LIFE) == 1
    assert told().title == "Expired: 70 credits for your film"
    assert "No manager decided on your film in time." in told().body


def test_f13_of_a_cancellation_by_somebody_else(waiting: Generation, alice: Membership) -> None:
    cancel_generation(waiting, by=By.member(alice), now=now())
    assert told().title == "Cancelled: your request for 70 credits"


def test_f13_not_of_what_they_did_themselves(waiting: Generation) -> None:
    own = make_member(waiting.team, Role.MANAGER, user=waiting.user)
    cancel_generation(waiting, by=By.member(own), now=now())
    assert not Notice.objects.filter(kind=NoticeKind.APPROVAL_DECIDED).exists()
