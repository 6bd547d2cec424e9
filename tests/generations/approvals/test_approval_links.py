"""The e-mail to the managers, and the signed link in it: who it is for, how long, and what for."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail, signing

from accounts.authority import By
from accounts.models import Membership, Team
from accounts.roles import Role
from generations.approvals.links import approval_link, read_approval_link
from generations.approvals.mail import ask_managers
from generations.approvals.service import approve, deny, set_threshold
from generations.models import Approval, Generation
from generations.ops.agenda import enqueue_due_steps
from platform_site.clusters.steps import ENQUEUE_AGAIN
from platform_site.errors import Conflict, PermissionDenied
from tests.factories import SYSTEM, make_api_key, make_member
from tests.support.desk import Desk
from tests.support.steps import empty_queue, queued, run_queue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def waiting(desk: Desk, alice: Membership) -> Generation:
    """A generation of 70 credits that waits for Alice or a manager."""
    set_threshold(team=desk.team, above=50, by=SYSTEM)
    return desk.submit(prompt="A lake at dawn")


@pytest.fixture
def approval(waiting: Generation) -> Approval:
    """The question about it."""
    return Approval.objects.get(pk=waiting.pk)


def signed_part(link: str) -> str:
    """Return what the link's page is told."""
    start = "http://dailies.test/approvals/"
    assert link.startswith(start)
    return link.removeprefix(start)


def link_for(approval: Approval, member: Membership) -> str:
    return signed_part(approval_link(approval, member))


# The e-mail


def test_everybody_who_may_approve_is_asked_each_with_a_link_of_their_own(
    desk: Desk, waiting: Generation, alice: Membership, charlie: Membership
) -> None:
    manager = make_member(desk.team, Role.MANAGER, email="max@studio.example")
    retired = make_member(desk.team, Role.MANAGER, email="old@studio.example")
    retired.user.is_active = False
    retired.user.save()
    make_member(desk.team, Role.VIEWER)
    run_queue("ask")
    assert [message.to for message in mail.outbox] == [[alice.user.email], [manager.user.email]]
    for message, decider in zip(mail.outbox, [alice, manager], strict=True):
        assert message.subject == f"[{desk.team}] bob requests 70 credits"
        [link] = [word for word in str(message.body).split() if word.startswith("http")]
        read = read_approval_link(signed_part(link))
        assert read is not None
        assert (read[0].generation, read[1]) == (waiting, decider)


def test_a_question_whose_step_the_queue_lost_is_asked_by_the_sweep_once(
    waiting: Generation, approval: Approval, alice: Membership
) -> None:
    empty_queue()
    enqueue_due_steps(approval.asked_at)
    assert "ask" not in dict(queued())
    for _ in range(2):
        enqueue_due_steps(approval.asked_at + ENQUEUE_AGAIN)
        run_queue("ask")
    assert [message.to for message in mail.outbox] == [[alice.user.email]]


def test_what_is_decided_is_asked_of_nobody(waiting: Generation, approval: Approval) -> None:
    approve(waiting, by=SYSTEM, now=now())
    empty_queue()
    enqueue_due_steps(approval.asked_at + ENQUEUE_AGAIN)
    assert "ask" not in dict(queued())


def test_p33_the_mail_says_what_is_asked_and_holds_no_secret_but_the_link(
    desk: Desk, waiting: Generation, approval: Approval, alice: Membership
) -> None:
    text = make_api_key(desk.membership).text
    run_queue("ask")
    [message] = mail.outbox
    body = str(message.body)
    for word in [
        "bob",
        "70 credits",
        "50",
        "A lake at dawn",
        "5 s, 720p, 16:9, with audio",
        "Launch",
    ]:
        assert word in body
    link = approval_link(approval, alice)
    rest = message.message().as_string().replace(link, "") + body.replace(link, "")
    for secret in [
        approval.token,
        waiting.callback_token,
        waiting.idempotency_key or "\0",
        text,
        desk.provider_key.secret_token,
        desk.provider_key.last4,
        desk.api_key.digest,
    ]:
        assert secret not in rest


def test_nobody_is_asked_about_what_is_decided(waiting: Generation, alice: Membership) -> None:
    approve(waiting, by=By.member(alice), now=now())
    run_queue("ask")
    ask_managers(waiting.pk)
    assert mail.outbox == []


def test_names_with_line_breaks_write_no_headers(desk: Desk, alice: Membership) -> None:
    Team.objects.filter(pk=desk.team.pk).update(name="Studio\r\nBcc: eve@elsewhere.example")
    desk.membership.user.name = "Bob\nReply-To: eve@elsewhere.example"
    desk.membership.user.save()
    desk.team.refresh_from_db()
    set_threshold(team=desk.team, above=0, by=SYSTEM)
    desk.submit(prompt="One\r\n.\r\nTwo")
    run_queue("ask")
    [message] = mail.outbox
    assert message.recipients() == [alice.user.email]
    headers = message.message().as_string().partition("\n\n")[0]
    assert "\nBcc:" not in headers
    assert "\nReply-To:" not in headers


# The link


def test_the_link_names_the_question_and_the_person_and_decides_once(
    approval: Approval, alice: Membership
) -> None:
    link = link_for(approval, alice)
    read = read_approval_link(link)
    assert read == (approval, alice)
    approve(read[0].generation, by=By.member(read[1]), now=now())
    again = read_approval_link(link)
    assert again is not None  # a page may say what became of it
    for decide in [approve, deny]:
        with pytest.raises(Conflict):
            decide(again[0].generation, by=By.member(again[1]), now=now())


def test_a_link_that_was_tampered_with_says_nothing(
    approval: Approval, alice: Membership, bob: Membership
) -> None:
    link = link_for(approval, alice)
    payload, stamp, mac = link.split(":")
    foreign = signing.dumps([approval.token, bob.pk], salt="approval")
    wrong_salt = signing.dumps([approval.token, alice.pk], salt="upload")
    forged = [
        "",
        ":",
        "::",
        link[:-1],
        link + "x",
        link.swapcase(),
        f"{payload}:{stamp}",
        f"{payload}x:{stamp}:{mac}",
        f"{payload}:{stamp}1:{mac}",
        f"{foreign.split(':')[0]}:{stamp}:{mac}",
        wrong_salt,
        approval.token,
        "é\0:1:x",
        "a" * 100_000,
    ]
    for text in forged:
        assert read_approval_link(text) is None
    for misshapen in [[approval.token], "x", {"a": 1}, None, [1, 2, 3]]:
        assert read_approval_link(signing.dumps(misshapen, salt="approval")) is None


def test_a_link_dies_after_a_week(approval: Approval, alice: Membership) -> None:
    link = link_for(approval, alice)
    with time_machine.travel(now() + timedelta(days=6, hours=23)):
        assert read_approval_link(link) is not None
    with time_machine.travel(now() + timedelta(days=7, minutes=1)):
        assert read_approval_link(link) is None


def test_a_link_that_outlives_its_question_decides_nothing(
    approval: Approval, alice: Membership
) -> None:
    link = link_for(approval, alice)
    with time_machine.travel(approval.expires_at + timedelta(hours=1)):
        read = read_approval_link(link)
        assert read is not None
        with pytest.raises(Conflict):
            approve(read[0].generation, by=By.member(read[1]), now=now())


def test_the_link_of_somebody_who_left_says_nothing(desk: Desk, approval: Approval) -> None:
    manager = make_member(desk.team, Role.MANAGER)
    link, user = link_for(approval, manager), manager.user
    manager.delete()
    assert read_approval_link(link) is None
    make_member(desk.team, Role.MANAGER, user=user)  # who comes back is asked anew
    assert read_approval_link(link) is None


def test_the_link_of_somebody_who_was_deactivated_says_nothing(
    desk: Desk, approval: Approval
) -> None:
    manager = make_member(desk.team, Role.MANAGER)
    link = link_for(approval, manager)
    manager.user.is_active = False
    manager.user.save()
    assert read_approval_link(link) is None


def test_the_link_of_somebody_who_was_demoted_decides_nothing(
    desk: Desk, approval: Approval
) -> None:
    manager = make_member(desk.team, Role.MANAGER)
    link = link_for(approval, manager)
    make_member(desk.team, Role.MEMBER, user=manager.user)
    read = read_approval_link(link)
    assert read is not None
    with pytest.raises(PermissionDenied):
        approve(read[0].generation, by=By.member(read[1]), now=now())


def test_a_link_for_somebody_of_another_team_says_nothing(
    approval: Approval, charlie: Membership
) -> None:
    assert read_approval_link(link_for(approval, charlie)) is None
