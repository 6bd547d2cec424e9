"""Rows keep ids of people; administrators read and search by their emails and names."""

import pytest
from django.test import Client

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, Membership
from tests.factories import make_api_key, make_member


@pytest.mark.django_db
class TestWhoDidIt:
    """In the audit trail, as in every list of who did what."""

    @pytest.fixture
    def trail(self, alice: Membership, bob: Membership) -> None:
        key = make_api_key(alice).key
        for by in (
            By.member(alice),
            By.member(alice, api_key=key),
            By.member(bob),
            By.operator(bob.user),
            By.system("sweep"),
        ):
            record(by=by, action=AuditAction.PROJECT_CREATED, subject=alice.team, team=alice.team)
            record(by=by, action=AuditAction.PROJECT_RENAMED, subject=alice.team, team=alice.team)

    def found(self, browser: Client, words: str) -> list[str]:
        page = browser.get("/admin/accounts/auditevent/", {"q": words})
        assert page.status_code == 200
        rows = [one for one in page.context["cl"].result_list if "project" in one.action]
        return sorted(f"{one.actor_names[one.actor]} {one.action}" for one in rows)

    def test_people_are_found_by_email_whatever_door_they_came_through(
        self, browser: Client, trail: None
    ) -> None:
        created = self.found(browser, "alice@studio.example project.created")
        assert [one.partition(" …")[0] for one in created] == [
            "alice@studio.example by API key",
            "alice@studio.example project.created",
        ]
        assert self.found(browser, "bob@studio renamed") == [
            "bob@studio.example in the admin project.renamed",
            "bob@studio.example project.renamed",
        ]
        assert self.found(browser, "sweep") == [
            "system:sweep project.created",
            "system:sweep project.renamed",
        ]
        assert self.found(browser, "alice@studio.example sweep") == []

    def test_a_search_leaves_nobody_out(self, browser: Client, alice: Membership) -> None:
        for number in range(45):
            person = make_member(alice.team, email=f"p{number}@firm.example")
            record(
                by=By.member(person),
                action=AuditAction.PROJECT_CREATED,
                subject=alice.team,
                team=alice.team,
            )
        assert len(self.found(browser, "firm.example")) == 45
