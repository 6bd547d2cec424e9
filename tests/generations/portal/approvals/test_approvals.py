"""Questions to managers: the list, the film's page, and the link of the e-mail."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership
from accounts.roles import Role
from accounts.teams.service import set_role
from billing.selectors import books_of
from generations.approvals.links import approval_link
from generations.approvals.mail import ask_managers
from generations.approvals.service import approve, deny, set_threshold
from generations.lifecycle import State
from generations.models import Approval, Generation
from tests.factories import SYSTEM, make_generation
from tests.generations.portal.conftest import SignIn
from tests.generations.portal.studio.test_studio import typed

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(bob: Membership, sign_in: SignIn) -> Generation:
    """Bob asks for 70 credits, above the 50 that pass."""
    set_threshold(team=bob.team, above=50, by=SYSTEM)
    return make_generation(bob, prompt="A heron <b>waits</b>")


def link_for(generation: Generation, member: Membership) -> str:
    return approval_link(generation.approval, member).removeprefix("http://dailies.test")


def state_of(generation: Generation) -> str:
    generation.refresh_from_db()
    return generation.state


def test_who_decides_sees_what_waits_and_approves_it(
    manager: Membership, asked: Generation, sign_in: SignIn
) -> None:
    client = sign_in(manager)
    page = " ".join(client.get("/approvals/").content.decode().split())
    assert "A heron &lt;b&gt;waits&lt;/b&gt;" in page
    assert '<b class="undecided-sum">70</b> credits' in page
    assert "above 50 credits" in page
    assert "1 waiting</span>" in page
    form = {"decision": "approve", "reason": "Worth it"}
    assert client.post(f"/generations/{asked.id}/decision/", form)["Location"] == "/approvals/"
    assert state_of(asked) == State.QUEUED
    approval = Approval.objects.get()
    assert (approval.decided_by, approval.reason) == (f"user:{manager.user_id}", "Worth it")
    page = client.get("/approvals/").content.decode()
    assert "Nothing to approve" in page
    assert "Worth it" in page


def test_a_denial_gives_the_credits_back_and_the_asker_reads_why(
    manager: Membership, bob: Membership, asked: Generation, sign_in: SignIn
) -> None:
    form = {"decision": "deny", "reason": "Too dear", "back": "film"}
    reply = sign_in(manager).post(f"/generations/{asked.id}/decision/", form)
    assert reply["Location"] == f"/generations/{asked.id}/"
    assert state_of(asked) == State.CANCELLED
    assert books_of(asked.team).available == 1000
    page = sign_in(bob).get(f"/generations/{asked.id}/").content.decode()
    assert "Denied" in page
    assert "Too dear" in page


def test_members_see_their_own_questions_and_decide_nothing(
    bob: Membership, manager: Membership, asked: Generation, sign_in: SignIn
) -> None:
    make_generation(manager, prompt="Of somebody else")
    client = sign_in(bob)
    page = client.get("/approvals/").content.decode()
    assert "A heron" in page
    assert "Of somebody else" not in page
    assert "Approve</button>" not in page
    assert "Approve</button>" not in client.get(f"/generations/{asked.id}/").content.decode()
    reply = client.post(f"/generations/{asked.id}/decision/", {"decision": "approve"})
    assert reply.status_code == 403
    assert state_of(asked) == State.AWAITING_APPROVAL


def test_the_films_page_asks_who_may_answer(
    manager: Membership, asked: Generation, sign_in: SignIn
) -> None:
    page = sign_in(manager).get(f"/generations/{asked.id}/").content.decode()
    assert "Approve</button>" in page


def test_a_second_answer_changes_nothing_and_says_so(
    manager: Membership, asked: Generation, sign_in: SignIn
) -> None:
    client = sign_in(manager)
    client.post(f"/generations/{asked.id}/decision/", {"decision": "approve"})
    reply = client.post(f"/generations/{asked.id}/decision/", {"decision": "deny"})
    assert reply.status_code == 409
    page = reply.content.decode()
    assert "Your decision was not recorded: you approved this on " in page
    assert 'href="/approvals/">Back to approvals' in page
    assert f'href="/generations/{asked.id}/">See full request' in page
    assert state_of(asked) == State.QUEUED
    wrong = client.post(f"/generations/{asked.id}/decision/", {"decision": "perhaps"})
    assert wrong.status_code == 400


def test_p32_a_strangers_question_is_404_like_a_random_one(
    charlie: Membership, viewer: Membership, asked: Generation, sign_in: SignIn
) -> None:
    client = sign_in(charlie)
    for one in (asked.id, "00000000-0000-4000-8000-000000000000", "x"):
        path = f"/generations/{one}/decision/"
        assert client.post(path, {"decision": "approve"}).status_code == 404
    assert "A heron" not in client.get("/approvals/").content.decode()
    assert sign_in(viewer).get("/approvals/").status_code == 403


class TestLink:
    def test_the_mail_leads_to_a_page_that_decides_without_signing_in(
        self, manager: Membership, asked: Generation
    ) -> None:
        ask_managers(asked.pk)
        sent = next(one for one in mail.outbox if one.to == [manager.user.email])
        found = re.search(r"http://dailies\.test(/approvals/\S+)", str(sent.body))
        assert found
        client = Client(enforce_csrf_checks=True)
        reply = client.get(found[1])
        page = reply.content.decode()
        assert "Approve this film?" in page
        assert "no-store" in reply["Cache-Control"]
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token
        form = {"decision": "approve", "csrfmiddlewaretoken": token[1], "reason": " Go \n on "}
        assert client.post(found[1], form)["Location"] == found[1]
        assert state_of(asked) == State.QUEUED
        approval = Approval.objects.get()
        assert (approval.decided_by, approval.reason) == (f"user:{manager.user_id}", "Go on")
        page = client.get(found[1]).content.decode()
        assert "Approved" in page
        assert "Approve</button>" not in page

    def test_looking_changes_nothing(self, manager: Membership, asked: Generation) -> None:
        client = Client()
        for _ in range(3):
            assert client.get(link_for(asked, manager)).status_code == 200
            assert client.head(link_for(asked, manager)).status_code == 200
            client.get(link_for(asked, manager) + "?decision=approve")
        assert state_of(asked) == State.AWAITING_APPROVAL

    def test_afterwards_it_says_what_was_decided_and_decides_no_more(
        self, alice: Membership, manager: Membership, asked: Generation
    ) -> None:
        now = timezone.now()
        deny(asked, by=By.member(alice), now=now, reason="Not this month")
        client = Client()
        page = client.get(link_for(asked, manager)).content.decode()
        assert "Denied" in page
        assert "Not this month" in page
        reply = client.post(link_for(asked, manager), {"decision": "approve"})
        assert reply.status_code == 409
        page = reply.content.decode()
        assert page.count("Your decision was not recorded: alice denied this on ") == 1
        assert state_of(asked) == State.CANCELLED

    @pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
    def test_it_dies_with_the_persons_right(
        self, manager: Membership, asked: Generation, role: str
    ) -> None:
        link = link_for(asked, manager)
        set_role(team=manager.team, user=manager.user, role=role, by=SYSTEM)
        assert Client().get(link).status_code == 404
        assert Client().post(link, {"decision": "approve"}).status_code == 404
        assert state_of(asked) == State.AWAITING_APPROVAL

    def test_it_dies_with_the_person_and_with_the_membership(
        self, manager: Membership, asked: Generation
    ) -> None:
        link = link_for(asked, manager)
        manager.user.is_active = False
        manager.user.save()
        assert Client().get(link).status_code == 404
        manager.user.is_active = True
        manager.user.save()
        assert Client().get(link).status_code == 200
        manager.delete()
        assert Client().get(link).status_code == 404

    def test_p32_a_made_up_link_is_404_like_any_other_page(
        self, manager: Membership, asked: Generation
    ) -> None:
        link = link_for(asked, manager)
        for wrong in (f"{link}x", "/approvals/x", f"/approvals/{asked.approval.token}"):
            assert Client().get(wrong).status_code == 404
            assert Client().post(wrong, {"decision": "approve"}).status_code == 404
        assert state_of(asked) == State.AWAITING_APPROVAL

    def test_somebody_else_who_is_signed_in_gets_their_own_list(
        self, bob: Membership, manager: Membership, asked: Generation, sign_in: SignIn
    ) -> None:
        link = link_for(asked, manager)
        client = sign_in(bob)
        assert client.get(link)["Location"] == "/approvals/"
        assert client.post(link, {"decision": "approve"})["Location"] == "/approvals/"
        assert state_of(asked) == State.AWAITING_APPROVAL
        assert sign_in(manager).get(link).status_code == 200

    def test_past_its_time_it_asks_no_more(self, manager: Membership, asked: Generation) -> None:
        link = link_for(asked, manager)
        past = timezone.now() - timedelta(seconds=1)
        Approval.objects.update(expires_at=past)
        page = Client().get(link).content.decode()
        assert "This request has expired" in page
        assert Client().post(link, {"decision": "approve"}).status_code == 409
        assert state_of(asked) == State.AWAITING_APPROVAL

    def test_an_answer_that_is_none_changes_nothing(
        self, manager: Membership, asked: Generation
    ) -> None:
        for form in ({}, {"decision": "perhaps"}):
            reply = Client().post(link_for(asked, manager), form)
            assert reply.status_code == 400
            assert "Approve</button>" in reply.content.decode()
        assert state_of(asked) == State.AWAITING_APPROVAL

    def test_a_reason_of_any_length_is_taken(self, manager: Membership, asked: Generation) -> None:
        form = {"decision": "deny", "reason": "\0" + "long " * 400}
        assert Client().post(link_for(asked, manager), form).status_code == 302
        assert len(Approval.objects.get().reason) <= 500

    def test_of_two_managers_the_first_decides(
        self, alice: Membership, manager: Membership, asked: Generation
    ) -> None:
        link = link_for(asked, manager)
        approve(asked, by=By.member(alice), now=timezone.now())
        reply = Client().post(link, {"decision": "deny"})
        assert reply.status_code == 409
        assert state_of(asked) == State.QUEUED


def test_f12_the_studio_says_before_the_click_that_a_film_needs_approval(
    bob: Membership, sign_in: SignIn
) -> None:
    client, form = sign_in(bob), typed(bob)
    assert "needs approval" not in client.post("/studio/price/", form).content.decode()
    set_threshold(team=bob.team, above=70, by=SYSTEM)
    assert "needs approval" not in client.post("/studio/price/", form).content.decode()
    set_threshold(team=bob.team, above=69, by=SYSTEM, user=bob.user)
    assert "needs approval" in client.post("/studio/price/", form).content.decode()


def test_f12_credits_that_await_a_manager_are_not_held_for_the_vendor(
    asked: Generation, bob: Membership, sign_in: SignIn
) -> None:
    page = sign_in(bob).get(f"/generations/{asked.pk}/").content.decode()
    assert "Held until a manager decides." in page
    assert "Held until the vendor answers" not in page


def test_f12_a_long_prompt_scrolls_within_its_card(
    manager: Membership, asked: Generation, sign_in: SignIn
) -> None:
    client = sign_in(manager)
    region = 'tabindex="0" aria-label="Prompt"'
    assert region not in client.get("/approvals/").content.decode()
    Generation.objects.filter(pk=asked.pk).update(prompt="a\n" * 5000)
    assert region in client.get("/approvals/").content.decode()
