"""Who ordered it does not approve it, where somebody else may (F17)."""

from datetime import UTC, datetime

import pytest
from django.core import mail
from django.test import Client

from accounts.authority import By
from accounts.models import AuditEvent, Membership, User
from accounts.roles import Role
from accounts.teams import set_role
from generations.approvals.duties import set_own_approval
from generations.approvals.mail import ask_managers
from generations.approvals.service import approve, deny, set_threshold
from generations.lifecycle import State
from generations.models import Approval, Generation
from platform_site.errors import Conflict, PermissionDenied
from tests.factories import SYSTEM, make_api_key, make_generation, make_member
from tests.support.api import Api
from tests.support.desk import fresh

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def mona(alice: Membership) -> Membership:
    """Somebody else who may approve in Alice's team."""
    return make_member(alice.team, Role.MANAGER, email="mona@studio.example")


@pytest.fixture
def own(alice: Membership) -> Generation:
    """A generation of Alice's that waits, and that she may approve but for having ordered it."""
    set_threshold(team=alice.team, above=0, by=SYSTEM)
    return make_generation(alice)


def test_f17_one_does_not_approve_ones_own_where_somebody_else_may(
    own: Generation, alice: Membership, mona: Membership
) -> None:
    with pytest.raises(PermissionDenied, match=r"someone else has to approve it: .*mona"):
        approve(own, by=By.member(alice), now=now())
    assert Approval.objects.get().decision == "open"
    approve(own, by=By.member(mona), now=now())
    assert fresh(own).state == State.QUEUED
    assert not Approval.objects.get().is_own


def test_f17_no_door_leads_around_it(own: Generation, alice: Membership, mona: Membership) -> None:
    """The key that ordered, another key, and the administration are the same person."""
    key = make_api_key(alice)
    reply = Api(key.text).post(f"/v1/tasks/{own.pk}/approve")
    assert reply.status_code == 403
    assert "You created this yourself" in reply.json()["error"]["message"]
    with pytest.raises(PermissionDenied):
        approve(own, by=By.operator(alice.user), now=now())
    assert fresh(own).state == State.AWAITING_APPROVAL


def test_f17_where_nobody_else_may_ones_own_approval_stands_and_is_marked(
    own: Generation, alice: Membership, bob: Membership
) -> None:
    approve(own, by=By.member(alice), now=now(), reason="Alone here")
    assert fresh(own).state == State.QUEUED
    assert Approval.objects.get().is_own
    event = AuditEvent.objects.get(action="approval.approved")
    assert event.data == {"own": True}
    assert own.events.latest("id").message == "Approved by its creator: Alone here"
    client = Client()
    client.force_login(alice.user)
    assert "Self-approved" in client.get("/approvals/").content.decode()


def test_f17_who_is_disabled_or_has_lost_the_role_is_nobody_else(
    own: Generation, alice: Membership, mona: Membership
) -> None:
    User.objects.filter(pk=mona.user_id).update(is_active=False)
    other = make_member(alice.team, Role.MANAGER, email="otto@studio.example")
    set_role(team=alice.team, user=other.user, role=Role.MEMBER, by=SYSTEM)
    approve(own, by=By.member(alice), now=now())
    assert Approval.objects.get().is_own


def test_f17_one_may_deny_ones_own(own: Generation, alice: Membership, mona: Membership) -> None:
    deny(own, by=By.member(alice), now=now())
    assert fresh(own).state == State.CANCELLED
    assert not Approval.objects.get().is_own


def test_f17_a_team_may_allow_it_and_only_its_owner_decides_that(
    own: Generation, alice: Membership, mona: Membership
) -> None:
    with pytest.raises(PermissionDenied):
        set_own_approval(alice.team, allowed=True, by=By.member(mona))
    set_own_approval(alice.team, allowed=True, by=By.member(alice))
    set_own_approval(alice.team, allowed=True, by=By.member(alice))
    assert AuditEvent.objects.get(action="approval.own_set").data == {"allowed": True}
    approve(own, by=By.member(alice), now=now())
    assert Approval.objects.get().is_own


def test_f17_the_pages_name_who_has_to_and_offer_no_button(
    own: Generation, alice: Membership, mona: Membership
) -> None:
    client = Client()
    client.force_login(alice.user)
    for path in ("/approvals/", f"/generations/{own.pk}/"):
        page = client.get(path).content.decode()
        assert "You created this film yourself: mona" in page
        assert 'value="approve"' not in page
        assert 'value="deny"' in page
    client.force_login(mona.user)
    assert 'value="approve"' in client.get("/approvals/").content.decode()


def test_f17_who_has_to_is_asked_by_mail_and_who_ordered_is_not(
    own: Generation, alice: Membership, mona: Membership
) -> None:
    ask_managers(own.pk)
    assert [one.to for one in mail.outbox] == [[mona.user.email]]


def test_f17_the_owner_allows_it_in_the_portal(alice: Membership, mona: Membership) -> None:
    for member, allowed in ((mona, False), (alice, True)):
        client = Client(headers={"X-Dailies-Team": alice.team.slug})
        client.force_login(member.user)
        client.post("/budgets/approvals/own/", {"allow": "1"})
        alice.team.refresh_from_db()
        assert alice.team.own_approval is allowed
    client.post("/budgets/approvals/own/")
    alice.team.refresh_from_db()
    assert not alice.team.own_approval


def test_f17_what_no_longer_waits_is_refused_for_that(
    own: Generation, alice: Membership, mona: Membership
) -> None:
    api = Api(make_api_key(alice).text)
    assert api.post(f"/v1/tasks/{own.pk}/cancel").status_code == 200
    for verb in ("approve", "deny"):
        reply = api.post(f"/v1/tasks/{own.pk}/{verb}")
        assert reply.status_code == 409
        error = reply.json()["error"]
        said = error["message"]
        assert said.startswith("Your decision was not recorded: you cancelled this on "), said
        assert said.isascii()
        assert error["details"]["decision"] == "withdrawn"
    for by in (By.operator(alice.user), By.member(mona)):
        with pytest.raises(Conflict, match=r"alice|you"):
            approve(own, by=by, now=now())
