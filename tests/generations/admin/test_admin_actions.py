"""What administrators do goes through services: effects, audit events, and refusals in words."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.api_keys.service import authenticate_api_key
from accounts.models import ApiKey, Membership, Team, User
from accounts.roles import Role
from accounts.selectors import membership_of
from billing.models import SpendLimit, Transfer
from billing.selectors import books_of
from generations.models import Generation, ProviderKey
from generations.ops.agenda import enqueue_due_steps
from generations.provider_keys import vault
from generations.provider_keys.service import pause_provider_key
from generations.reports.audit import audit_site
from tests.factories import PASSWORD, SYSTEM, make_user
from tests.generations.admin.conftest import World
from tests.generations.admin.steps import assert_recorded, button, errors_of, management
from tests.generations.admin.test_admin_pages import path_of


class TestTeams:
    def test_a_team_is_created_by_its_service(self, browser: Client, root: User) -> None:
        browser.post(path_of(Team, "add"), {"name": "Night Shift", "slug": "night-shift"})
        team = Team.objects.get(slug="night-shift")
        assert_recorded("team.created", root, team=team)

    def test_credits_are_granted_by_the_ledger(
        self, browser: Client, root: User, team: Team
    ) -> None:
        path = button(Team, "grant_credits", team.pk)
        assert "Grant credits" in browser.get(path).content.decode()
        assert books_of(team).granted == 1000  # asking grants nothing
        response = browser.post(
            path, {"credits": "250", "reason": "Paid invoice 7", "_form_submitted": "True"}
        )
        assert response.status_code == 302
        entry = Transfer.objects.get(reason="Paid invoice 7")
        assert (entry.kind, entry.amount, entry.actor) == (
            "grant",
            250,
            f"user:{root.pk}/admin",
        )
        assert books_of(team).available == 1250
        assert list(audit_site()) == []

    def test_htmx_is_sent_to_the_team(self, browser: Client, team: Team) -> None:
        response = browser.post(
            button(Team, "grant_credits", team.pk),
            {"credits": "1", "reason": "x", "_form_submitted": "True"},
            headers={"HX-Request": "true"},
        )
        assert response["HX-Redirect"] == path_of(Team, "change", team.pk)

    @pytest.mark.parametrize(
        "typed",
        [
            {"credits": "0", "reason": "x"},
            {"credits": "-5", "reason": "x"},
            {"credits": "1.5", "reason": "x"},
            {"credits": "NaN", "reason": "x"},
            {"credits": "9" * 20, "reason": "x"},
            {"credits": "5", "reason": "   "},
            {"credits": "5"},
        ],
    )
    def test_p08_odd_grants_are_refused(
        self, typed: dict[str, str], browser: Client, team: Team
    ) -> None:
        path = button(Team, "grant_credits", team.pk)
        response = browser.post(path, {**typed, "_form_submitted": "True"})
        assert response.status_code == 200
        assert books_of(team).granted == 1000

    def test_a_grant_needs_the_csrf_token(self, root: User, team: Team) -> None:
        careful = Client(enforce_csrf_checks=True)
        careful.force_login(root)
        body = {"credits": "5", "reason": "x", "_form_submitted": "True"}
        assert careful.post(button(Team, "grant_credits", team.pk), body).status_code == 403
        assert books_of(team).granted == 1000

    def test_members_are_added_on_the_teams_page(
        self, browser: Client, root: User, alice: Membership
    ) -> None:
        dora = make_user("dora@studio.example")
        body = management("memberships", 0) | management("memberships-2", 1)
        body |= {"memberships-2-0-user": dora.pk, "memberships-2-0-role": "member"}
        response = browser.post(path_of(Team, "change", alice.team_id), body)
        assert response.status_code == 302
        added = membership_of(dora, alice.team)
        assert added is not None
        assert added.role == Role.MEMBER
        assert_recorded("team.role_set", root, subject_kind="user", subject_id=str(dora.pk))

    def test_a_role_is_changed_by_its_service(
        self, browser: Client, root: User, bob: Membership
    ) -> None:
        browser.post(path_of(Membership, "change", bob.pk), {"role": "manager"})
        bob.refresh_from_db()
        assert bob.role == Role.MANAGER
        assert_recorded("team.role_set", root, data__role="manager")


class TestPeople:
    def test_a_person_is_created_with_a_password(self, browser: Client, root: User) -> None:
        body = {
            "email": "New@Studio.Example ",
            "name": "New",
            "usable_password": "true",
            "password1": "a long enough secret",
            "password2": "a long enough secret",
        }
        assert browser.post(path_of(User, "add"), body).status_code == 302
        person = User.objects.get(email="new@studio.example")
        assert person.check_password("a long enough secret")
        event = assert_recorded(
            "user.created", root, subject_kind="user", subject_id=str(person.pk)
        )
        assert "a long enough secret" not in str(event.data)

    def test_two_people_cannot_have_one_address(self, browser: Client, bob: Membership) -> None:
        body = {"email": bob.user.email.upper(), "usable_password": "false"}
        errors = errors_of(browser.post(path_of(User, "add"), body))
        assert "email" in errors or "__all__" in errors

    def test_a_new_password_is_set_and_recorded(
        self, browser: Client, root: User, bob: Membership
    ) -> None:
        path = reverse("admin:auth_user_password_change", args=[bob.user_id])
        assert browser.get(path).status_code == 200
        body = {"usable_password": "true", "password1": PASSWORD * 2, "password2": PASSWORD * 2}
        assert browser.post(path, {**body, "set-password": "1"}).status_code == 302
        bob.user.refresh_from_db()
        assert bob.user.check_password(PASSWORD * 2)
        assert_recorded("user.password_set", root, subject_kind="user", subject_id=str(bob.user_id))

    def test_f17_a_changed_email_is_written_down_and_the_one_before_is_told(
        self, browser: Client, root: User, bob: Membership
    ) -> None:
        body = {"email": "robert@studio.example", "name": "", "is_active": "on"}
        body |= management("memberships", 1) | {"memberships-0-id": bob.pk}
        assert browser.post(path_of(User, "change", bob.user_id), body).status_code == 302
        assert_recorded("user.changed", root, data__fields=["email"])
        masked = {"before": "b…@studio.example", "to": "r…@studio.example"}
        assert_recorded(
            "user.email_changed",
            root,
            subject_kind="user",
            subject_id=str(bob.user_id),
            data=masked,
        )
        assert [one.to for one in mail.outbox] == [["bob@studio.example"]]


class TestApiKeys:
    def issue(self, browser: Client, member: Membership, **typed: Any) -> Any:
        body = {"team": member.team_id, "owner": member.user_id, "label": "Bench", **typed}
        return browser.post(path_of(ApiKey, "add"), body, follow=True)

    def test_a_key_is_issued_and_shown_once(
        self, browser: Client, root: User, bob: Membership
    ) -> None:
        page = self.issue(browser, bob, hourly="50", allowed_networks="10.0.0.0/8\n192.0.2.7")
        key = ApiKey.objects.get(label="Bench")
        shown = [str(message) for message in page.context["messages"] if "sk-" in str(message)]
        text = "sk-" + shown[0].partition("sk-")[2].partition("<")[0]
        now = timezone.now()
        assert authenticate_api_key(text, client_ip="10.1.1.1", now=now).key.pk == key.pk
        assert key.allowed_networks == ["10.0.0.0/8", "192.0.2.7/32"]
        limit = SpendLimit.objects.get(subject_kind="api_key", subject_id=str(key.pk))
        assert (limit.window, limit.credits) == ("hour", 50)
        assert_recorded("api_key.created", root, subject_kind="api_key", subject_id=str(key.pk))
        again = browser.get(path_of(ApiKey, "change", key.pk)).content.decode()
        assert text not in again

    def test_a_stranger_gets_no_key(
        self, browser: Client, bob: Membership, charlie: Membership
    ) -> None:
        page = self.issue(browser, bob, owner=charlie.user_id)
        assert "not a member" in errors_of(page)["owner"][0]
        assert not ApiKey.objects.filter(label="Bench").exists()

    def test_a_refusal_keeps_what_was_typed(self, browser: Client, bob: Membership) -> None:
        page = self.issue(browser, bob, allowed_networks="not-a-network", daily="7")
        assert "neither an IP address nor a CIDR" in errors_of(page)["allowed_networks"][0]
        assert "not-a-network" in page.content.decode()
        assert not SpendLimit.objects.exists()

    @pytest.mark.parametrize("name", ["disable", "enable"])
    def test_a_key_is_switched(self, name: str, browser: Client, root: User, world: World) -> None:
        key = world.rows[ApiKey]
        wanted = name == "enable"
        ApiKey.objects.filter(pk=key.pk).update(enabled=not wanted)
        path = button(ApiKey, name, key.pk)
        browser.get(path)
        key.refresh_from_db()
        assert key.enabled != wanted  # asking switches nothing
        browser.post(path, {"_form_submitted": "True"})
        key.refresh_from_db()
        assert key.enabled == wanted
        assert_recorded(f"api_key.{name}d", root, subject_kind="api_key", subject_id=str(key.pk))

    def test_selected_keys_are_disabled(self, browser: Client, world: World) -> None:
        key = world.rows[ApiKey]
        body = {"action": "disable_selected", "_selected_action": key.pk}
        browser.post(path_of(ApiKey, "changelist"), body)
        key.refresh_from_db()
        assert not key.enabled

    def test_a_deleted_keys_row_stays(self, browser: Client, root: User, world: World) -> None:
        key = world.rows[ApiKey]
        page = browser.get(path_of(ApiKey, "delete", key.pk))
        assert "Are you sure" in page.content.decode()
        browser.post(path_of(ApiKey, "delete", key.pk), {"post": "yes"})
        key.refresh_from_db()
        assert key.deleted_at is not None
        assert_recorded("api_key.deleted", root)
        again = browser.post(path_of(ApiKey, "delete", key.pk), {"post": "yes"})
        assert again.status_code == 403


class TestProviderKeys:
    def test_a_key_is_vaulted(self, browser: Client, root: User, team: Team) -> None:
        body = {"team": team.pk, "label": "Ours", "secret": "sk-live-vaulted-by-hand"}
        assert browser.post(path_of(ProviderKey, "add"), body).status_code == 302
        key = ProviderKey.objects.get(team=team)
        assert vault.reveal(key).reveal() == "sk-live-vaulted-by-hand"
        assert key.last4 == "hand"
        assert_recorded(
            "provider_key.added", root, subject_kind="provider_key", subject_id=str(key.pk)
        )

    @pytest.mark.parametrize("secret", ["", "no-sk-start", "sk- with spaces in it"])
    def test_what_cannot_be_a_key_is_refused(
        self, secret: str, browser: Client, team: Team
    ) -> None:
        body = {"team": team.pk, "label": "Ours", "secret": secret}
        assert "secret" in errors_of(browser.post(path_of(ProviderKey, "add"), body))
        assert not ProviderKey.objects.exists()

    def test_a_strangers_key_is_refused(
        self, browser: Client, team: Team, charlie: Membership
    ) -> None:
        body = {"team": team.pk, "owner": charlie.user_id, "label": "x", "secret": "sk-live-12345"}
        assert "owner" in errors_of(browser.post(path_of(ProviderKey, "add"), body))

    def test_a_pause_by_a_person_lasts_until_a_person_resumes(
        self, browser: Client, root: User, world: World
    ) -> None:
        key = world.rows[ProviderKey]
        path = button(ProviderKey, "pause", key.pk)
        browser.post(path, {"reason": "Budget talks", "_form_submitted": "True"})
        key.refresh_from_db()
        assert (key.state, key.pause_note) == ("paused", "Budget talks")
        assert_recorded("provider_key.paused", root, reason="Budget talks")
        assert key.next_probe_at is None  # no probe may undo it
        enqueue_due_steps(timezone.now() + timedelta(days=1))
        key.refresh_from_db()
        assert key.next_probe_at is None
        browser.post(button(ProviderKey, "resume", key.pk), {"_form_submitted": "True"})
        key.refresh_from_db()
        assert key.state == "active"
        assert_recorded("provider_key.resumed", root)

    def test_a_pause_needs_a_reason(self, browser: Client, world: World) -> None:
        key = world.rows[ProviderKey]
        path = button(ProviderKey, "pause", key.pk)
        assert browser.post(path, {"_form_submitted": "True"}).status_code == 200
        key.refresh_from_db()
        assert key.state == "active"

    def test_selected_keys_are_resumed(self, browser: Client, world: World) -> None:
        key = world.rows[ProviderKey]
        pause_provider_key(key, reason="402", by=SYSTEM)
        body = {"action": "resume_selected", "_selected_action": key.pk}
        browser.post(path_of(ProviderKey, "changelist"), body)
        key.refresh_from_db()
        assert key.state == "active"

    def test_p25_a_deleted_key_is_sealed_not_gone(
        self, browser: Client, root: User, world: World
    ) -> None:
        key = world.rows[ProviderKey]
        browser.post(path_of(ProviderKey, "delete", key.pk), {"post": "yes"})
        key.refresh_from_db()
        assert (key.state, key.secret_token) == ("sealed", "")
        assert_recorded("provider_key.deleted", root)

    def test_selected_keys_are_sealed(self, browser: Client, world: World) -> None:
        key = world.rows[ProviderKey]
        body = {"action": "delete_selected", "_selected_action": key.pk, "post": "yes"}
        browser.post(path_of(ProviderKey, "changelist"), body)
        key.refresh_from_db()
        assert key.state == "sealed"


def test_nothing_the_admin_did_unbalances_the_books(browser: Client, world: World) -> None:
    browser.post(path_of(SpendLimit, "delete", world.rows[SpendLimit].pk), {"post": "yes"})
    browser.post(path_of(ProviderKey, "delete", world.rows[ProviderKey].pk), {"post": "yes"})
    browser.post(path_of(ApiKey, "delete", world.rows[ApiKey].pk), {"post": "yes"})
    assert list(audit_site()) == []
    assert Generation.objects.count() == 1
