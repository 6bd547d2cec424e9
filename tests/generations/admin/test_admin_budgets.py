"""Approvals, their rules, limits with a past and webhook endpoints, by services alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import (
    AuditEvent,
    Membership,
    Project,
    Team,
    User,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from billing.models import Account, SpendLimit, SpendWindow
from billing.selectors import books_of
from generations.approvals.service import set_threshold
from generations.lifecycle import State
from generations.models import Approval, ApprovalThreshold, Generation, ProviderKey
from generations.reports.audit import audit_site
from tests.factories import SYSTEM, make_generation, make_team
from tests.generations.admin.conftest import make_discrepancy
from tests.generations.admin.steps import assert_recorded, button, errors_of, management
from tests.generations.admin.test_admin_corrections import press
from tests.generations.admin.test_admin_pages import path_of
from tests.support.events import put_low_wallet
from tests.support.steps import empty_queue


@pytest.fixture
def waiting(alice: Membership, provider_key: ProviderKey) -> Approval:
    """A question about 70 credits."""
    set_threshold(team=alice.team, above=50, by=SYSTEM)
    return Approval.objects.get(generation=make_generation(alice))


class TestApprovals:
    def test_an_administrator_approves_once(
        self, browser: Client, root: User, waiting: Approval
    ) -> None:
        empty_queue()
        for _ in range(2):
            assert press(browser, waiting, "approve", reason="Budget talks").status_code == 302
        waiting.refresh_from_db()
        assert (waiting.decision, waiting.reason) == ("approved", "Budget talks")
        assert waiting.decided_by == f"user:{root.pk}/admin"
        assert waiting.generation.state == State.QUEUED
        assert AuditEvent.objects.filter(action="approval.approved").count() == 1
        assert_recorded("approval.approved", root, reason="Budget talks")

    def test_an_administrator_denies_and_the_credits_go_back(
        self, browser: Client, root: User, waiting: Approval
    ) -> None:
        for _ in range(2):
            press(browser, waiting, "deny", reason="Too expensive")
        waiting.refresh_from_db()
        assert waiting.decision == "denied"
        assert waiting.generation.state == State.CANCELLED
        assert books_of(waiting.generation.team).available == 1000
        assert_recorded("approval.denied", root, reason="Too expensive")
        page = browser.get(path_of(Approval, "change", waiting.pk)).content.decode()
        assert button(Approval, "approve", waiting.pk) not in page
        press(browser, waiting, "approve", reason="Changed my mind")
        waiting.refresh_from_db()
        assert waiting.decision == "denied"
        assert list(audit_site()) == []

    @pytest.mark.parametrize("name", ["approve", "deny"])
    def test_an_answer_needs_a_reason(self, name: str, browser: Client, waiting: Approval) -> None:
        assert press(browser, waiting, name, reason=" ").status_code == 200
        waiting.refresh_from_db()
        assert waiting.decision == "open"

    def test_the_generation_links_to_its_question(self, browser: Client, waiting: Approval) -> None:
        page = browser.get(path_of(Generation, "change", waiting.pk)).content.decode()
        assert path_of(Approval, "change", waiting.pk) in page


class TestThresholds:
    def add(self, browser: Client, **typed: Any) -> Any:
        return browser.post(path_of(ApprovalThreshold, "add"), {"above": "50", **typed})

    def test_each_scope_can_have_a_rule(
        self, browser: Client, root: User, alice: Membership
    ) -> None:
        team = alice.team
        project = Project.objects.create(team=team, name="Autumn", slug="autumn")
        self.add(browser, team=team.pk)
        self.add(browser, team=team.pk, person=alice.user_id)
        self.add(browser, team=team.pk, project=project.pk)
        self.add(browser, team=team.pk, above="60")  # takes the first one's place
        found = ApprovalThreshold.objects.values_list("user", "project", "above")
        assert set(found) == {(None, None, 60), (alice.user_id, None, 50), (None, project.pk, 50)}
        assert_recorded("approval.threshold_set", root, team=team, data__above=60)

    def test_a_rule_stays_in_its_team(
        self, browser: Client, team: Team, charlie: Membership
    ) -> None:
        elsewhere = Project.objects.create(team=charlie.team, name="X", slug="x")
        assert "team" in errors_of(self.add(browser))
        assert "person" in errors_of(self.add(browser, team=team.pk, person=charlie.user_id))
        assert "project" in errors_of(self.add(browser, team=team.pk, project=elsewhere.pk))
        both = {"team": charlie.team_id, "person": charlie.user_id, "project": elsewhere.pk}
        assert "project" in errors_of(self.add(browser, **both))
        assert not ApprovalThreshold.objects.exists()

    def test_only_the_credits_of_a_rule_change_and_it_can_go(
        self, browser: Client, root: User, alice: Membership
    ) -> None:
        rule = set_threshold(team=alice.team, user=alice.user, above=50, by=SYSTEM)
        assert rule is not None
        path = path_of(ApprovalThreshold, "change", rule.pk)
        assert browser.post(path, {"above": "5", "team": make_team().pk}).status_code == 302
        rule.refresh_from_db()
        assert (rule.team, rule.user, rule.above) == (alice.team, alice.user, 5)
        browser.post(path_of(ApprovalThreshold, "delete", rule.pk), {"post": "yes"})
        assert not ApprovalThreshold.objects.exists()
        assert_recorded("approval.threshold_set", root, data__above=None)


class TestLimitsWithAPast:
    def test_a_new_limit_counts_what_was_spent_before(
        self, browser: Client, alice: Membership, provider_key: ProviderKey
    ) -> None:
        project = Project.objects.create(team=alice.team, name="Autumn", slug="autumn")
        for state in (State.QUEUED, State.COMPLETED, State.COMPLETED):
            made = make_generation(alice, state)
            Generation.objects.filter(pk=made.pk).update(project=project)
        press(browser, made, "correct_to_released", reason="Refunded")
        scopes: list[dict[str, Any]] = [
            {"kind": "team", "team": alice.team_id},
            {"kind": "member", "team": alice.team_id, "person": alice.user_id},
            {"kind": "own", "team": alice.team_id, "person": alice.user_id},
            {"kind": "project", "project": project.pk},
            {"kind": "provider_key", "provider_key": provider_key.pk},
        ]
        for scope in scopes:
            body = {"period": "day", "credits": "500", "alerts": "50, 80", **scope}
            assert browser.post(path_of(SpendLimit, "add"), body).status_code == 302
        counted = SpendWindow.objects.values_list("held", "spent")
        assert list(counted) == [(70, 70)] * len(scopes)
        assert list(audit_site()) == []

    def test_people_are_told_at_the_chosen_percents(
        self, browser: Client, root: User, team: Team
    ) -> None:
        path = path_of(SpendLimit, "add")
        assert "50, 80, 100" in browser.get(path).content.decode()
        body = {"kind": "team", "team": team.pk, "period": "day", "credits": "9"}
        assert browser.post(path, {**body, "alerts": "90%, 10 90"}).status_code == 302
        limit = SpendLimit.objects.get()
        assert limit.alert_at == [10, 90]
        assert_recorded("spend_limit.alerts_set", root, team=team)
        change = path_of(SpendLimit, "change", limit.pk)
        assert "10, 90" in browser.get(change).content.decode()
        more = {"credits": "9", **management("windows", 0)}
        assert browser.post(change, {**more, "alerts": ""}).status_code == 302
        limit.refresh_from_db()
        assert limit.alert_at == []

    @pytest.mark.parametrize("alerts", ["half", "0", "101", "5.5"])
    def test_odd_percents_are_refused_and_nothing_is_set(
        self, alerts: str, browser: Client, team: Team
    ) -> None:
        body = {"kind": "team", "team": team.pk, "period": "day", "credits": "9", "alerts": alerts}
        page = browser.post(path_of(SpendLimit, "add"), body)
        assert page.status_code == 200
        assert not SpendLimit.objects.exists()

    def test_own_limits_say_so_and_can_be_lifted(self, browser: Client, alice: Membership) -> None:
        body = {"kind": "own", "team": alice.team_id, "person": alice.user_id}
        browser.post(path_of(SpendLimit, "add"), {**body, "period": "day", "credits": "9"})
        page = browser.get(path_of(SpendLimit, "changelist")).content.decode()
        assert "(personal limit)" in page
        limit = SpendLimit.objects.get()
        browser.post(path_of(SpendLimit, "delete", limit.pk), {"post": "yes"})
        assert not SpendLimit.objects.exists()


class TestEndpoints:
    @pytest.fixture
    def endpoint(self, team: Team) -> WebhookEndpoint:
        return WebhookEndpoint.objects.create(
            team=team, url="https://client.example/hook?token=abc", events=["wallet.low"]
        )

    def test_an_endpoint_is_switched_and_gives_up_what_waits(
        self, browser: Client, root: User, endpoint: WebhookEndpoint
    ) -> None:
        (delivery,) = put_low_wallet(endpoint.team)
        press(browser, endpoint, "disable")
        endpoint.refresh_from_db()
        delivery.refresh_from_db()
        assert (endpoint.enabled, delivery.state) == (False, "given_up")
        assert_recorded("webhook_endpoint.disabled", root)
        press(browser, endpoint, "enable")
        endpoint.refresh_from_db()
        assert endpoint.enabled

    def test_an_endpoint_is_removed_and_its_deliveries_stay(
        self, browser: Client, root: User, endpoint: WebhookEndpoint
    ) -> None:
        (delivery,) = put_low_wallet(endpoint.team)
        browser.post(path_of(WebhookEndpoint, "delete", endpoint.pk), {"post": "yes"})
        assert browser.get(path_of(WebhookEndpoint, "change", endpoint.pk)).status_code == 302
        delivery.refresh_from_db()
        endpoint.refresh_from_db()
        assert (delivery.endpoint, endpoint.enabled) == (endpoint, False)
        assert endpoint.removed_at is not None
        assert_recorded("webhook_endpoint.removed", root)

    def test_a_test_is_sent_and_a_message_sent_again(
        self, browser: Client, root: User, endpoint: WebhookEndpoint
    ) -> None:
        press(browser, endpoint, "test")
        delivery = WebhookDelivery.objects.get()
        assert (delivery.event, delivery.endpoint) == ("webhook.test", endpoint)
        assert_recorded("webhook.test_sent", root)
        attempt = WebhookAttempt.objects.create(
            delivery=delivery,
            number=1,
            at=timezone.now() - timedelta(minutes=1),
            headers={"webhook-signature": "v1,c2lnbmF0dXJl", "X-Event": "webhook.test"},
            status=500,
            duration_ms=7,
            snippet="<b>busy</b>",
        )
        WebhookDelivery.objects.update(state="given_up", attempts=1, next_attempt_at=None)
        page = browser.get(path_of(WebhookDelivery, "change", delivery.pk)).content.decode()
        assert "&lt;b&gt;busy&lt;/b&gt;" in page
        assert "c2lnbmF0dXJl" not in page
        press(browser, delivery, "again")
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == ("pending", 1)
        assert_recorded("webhook.sent_again", root)
        # At once after a try it is refused.
        WebhookAttempt.objects.filter(pk=attempt.pk).update(at=timezone.now())
        WebhookDelivery.objects.update(state="given_up", next_attempt_at=None)
        press(browser, delivery, "again")
        delivery.refresh_from_db()
        assert delivery.state == "given_up"

    def test_an_endpoint_is_added_by_its_team_alone(self, browser: Client) -> None:
        assert browser.get(path_of(WebhookEndpoint, "add")).status_code == 403


class TestProjects:
    def test_a_project_is_archived_and_reopened(
        self, browser: Client, root: User, team: Team
    ) -> None:
        project = Project.objects.create(team=team, name="Autumn", slug="autumn")
        press(browser, project, "archive")
        assert Project.objects.exclude(archived_at=None).get() == project
        assert_recorded(
            "project.archived", root, subject_kind="project", subject_id=str(project.pk)
        )
        press(browser, project, "reopen")
        assert Project.objects.filter(archived_at=None).get() == project
        assert_recorded("project.reopened", root)

    def test_two_open_projects_never_share_a_name(self, browser: Client, team: Team) -> None:
        old = Project.objects.create(
            team=team, name="Autumn", slug="autumn", archived_at=timezone.now()
        )
        Project.objects.create(team=team, name="Autumn", slug="autumn-2")
        press(browser, old, "reopen")
        old.refresh_from_db()
        assert old.archived_at is not None


class TestDashboard:
    def test_what_waits_for_somebody_is_on_the_first_page(
        self, browser: Client, waiting: Approval, provider_key: ProviderKey
    ) -> None:
        discrepancy = make_discrepancy(provider_key, detail="70 more", candidates=[])
        page = browser.get(reverse("admin:index")).content.decode()
        for row in (waiting, discrepancy, waiting.generation.team):
            assert path_of(type(row), "change", row.pk) in page

    def test_what_is_well_is_not(self, browser: Client, waiting: Approval) -> None:
        press(browser, waiting, "deny", reason="Too expensive")
        Account.objects.update(low_at=0)
        page = browser.get(reverse("admin:index")).content.decode()
        assert "Nothing to approve." in page
        assert "No wallet is low." in page
        assert "The vendor’s usage matches our books." in page

    def test_all_low_wallets_are_a_click_away(self, browser: Client, waiting: Approval) -> None:
        make_team("Rich", credits=5000)
        page = browser.get(path_of(Account, "changelist"), {"low": "yes"})
        assert [row.team for row in page.context["cl"].result_list] == [waiting.generation.team]


@pytest.mark.parametrize("model", [Approval, Generation, WebhookEndpoint])
def test_an_address_that_names_no_row_leads_home(model: type[Model], browser: Client) -> None:
    assert browser.get(path_of(model, "change", "nothing")).status_code == 302
