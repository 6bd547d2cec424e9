"""What administrators do goes through services: effects, audit events, and refusals in words."""

import json
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey, AuditEvent, Membership, Team, User
from accounts.roles import Role
from accounts.selectors import membership_of
from accounts.services.api_keys import authenticate_api_key
from billing.models import Rate, SpendLimit, Transfer
from billing.selectors import books_of
from billing.services.rates import announce_rate
from generations import vault
from generations.audit import audit
from generations.models import Generation, ProviderKey, VideoModel
from generations.services.provider_keys import pause_provider_key
from generations.services.sweep import enqueue_due_steps
from platform_site.errors import Conflict
from tests.admin.conftest import World
from tests.admin.test_admin_pages import path_of
from tests.factories import ACTOR, PASSWORD, make_user


def button(model: type[Model], name: str, pk: object) -> str:
    """Return the path of a row's button."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=[pk])


def errors_of(response: Any) -> dict[str, list[str]]:
    """Return a shown form's errors."""
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def assert_recorded(action: str, root: User, **more: Any) -> AuditEvent:
    """Return the audit event that the administrator's click left."""
    event: AuditEvent | None = AuditEvent.objects.filter(action=action, **more).first()
    assert event is not None, action
    assert event.actor == f"{root.email} in the admin"
    assert event.request_id
    return event


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
            f"{root.email} in the admin",
        )
        assert books_of(team).available == 1250
        assert list(audit()) == []

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
        body = _management("memberships", 0) | _management("memberships-2", 1)
        body |= {"memberships-2-0-user": dora.pk, "memberships-2-0-role": "member"}
        response = browser.post(path_of(Team, "change", alice.team_id), body)
        assert response.status_code == 302
        added = membership_of(dora, alice.team)
        assert added is not None
        assert added.role == Role.MEMBER
        assert_recorded("team.role_set", root, subject=f"user:{dora.pk}")

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
        event = assert_recorded("user.created", root, subject=f"user:{person.pk}")
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
        assert_recorded("user.password_set", root, subject=f"user:{bob.user_id}")

    def test_a_changed_address_takes_the_old_ones_door_away(
        self, browser: Client, root: User, bob: Membership
    ) -> None:
        EmailAddress.objects.create(user=bob.user, email=bob.user.email, primary=True)
        body = {"email": "robert@studio.example", "name": "", "is_active": "on"}
        body |= _management("memberships", 1) | {"memberships-0-id": bob.pk}
        assert browser.post(path_of(User, "change", bob.user_id), body).status_code == 302
        assert not EmailAddress.objects.filter(email="bob@studio.example").exists()
        assert_recorded("user.changed", root, data__fields=["email"])


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
        assert authenticate_api_key(text, client_ip="10.1.1.1", now=now).pk == key.pk
        assert key.allowed_networks == ["10.0.0.0/8", "192.0.2.7/32"]
        limit = SpendLimit.objects.get(subject_kind="api_key", subject_id=str(key.pk))
        assert (limit.window, limit.credits) == ("hour", 50)
        assert_recorded("api_key.created", root, subject=f"api_key:{key.pk}")
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
        assert_recorded(f"api_key.{name}d", root, subject=f"api_key:{key.pk}")

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
        assert_recorded("provider_key.added", root, subject=f"provider_key:{key.pk}")

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
        assert (key.state, key.paused_reason) == ("paused", "Budget talks")
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
        pause_provider_key(key, reason="402", actor=ACTOR)
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


class TestLimits:
    def add(self, browser: Client, **typed: Any) -> Any:
        return browser.post(path_of(SpendLimit, "add"), {"period": "day", "credits": "9", **typed})

    def test_each_kind_of_subject_can_be_limited(
        self, browser: Client, root: User, world: World
    ) -> None:
        SpendLimit.objects.all().delete()
        team, person = world.membership.team, world.membership.user
        key, vendor_key = world.rows[ApiKey], world.rows[ProviderKey]
        self.add(browser, kind="team", team=team.pk)
        self.add(browser, kind="member", team=team.pk, person=person.pk)
        self.add(browser, kind="api_key", api_key=key.pk)
        self.add(browser, kind="provider_key", provider_key=vendor_key.pk)
        found = set(SpendLimit.objects.values_list("subject_kind", "subject_id", "credits"))
        assert found == {
            ("team", str(team.pk), 9),
            ("member", f"{team.pk}:{person.pk}", 9),
            ("api_key", str(key.pk), 9),
            ("provider_key", str(vendor_key.pk), 9),
        }
        assert_recorded("spend_limit.set", root, team=team)

    @pytest.mark.parametrize("kind", ["team", "member", "api_key", "provider_key", ""])
    def test_a_limit_needs_its_subject(self, kind: str, browser: Client, team: Team) -> None:
        assert errors_of(self.add(browser, kind=kind))
        assert not SpendLimit.objects.exists()

    def test_a_stranger_is_no_member(
        self, browser: Client, team: Team, charlie: Membership
    ) -> None:
        page = self.add(browser, kind="member", team=team.pk, person=charlie.user_id)
        assert "person" in errors_of(page)

    def test_only_the_credits_of_a_limit_change(
        self, browser: Client, root: User, world: World
    ) -> None:
        limit = world.rows[SpendLimit]
        body = {"credits": "77", "period": "hour", "kind": "member"}
        body |= _management("windows", 0)
        assert browser.post(path_of(SpendLimit, "change", limit.pk), body).status_code == 302
        before = (limit.subject_kind, limit.subject_id, limit.window)
        limit.refresh_from_db()
        assert (limit.subject_kind, limit.subject_id, limit.window) == before
        assert limit.credits == 77
        assert_recorded("spend_limit.set", root, data__credits=77)

    def test_a_limit_is_lifted_by_its_service(
        self, browser: Client, root: User, world: World
    ) -> None:
        limit = world.rows[SpendLimit]
        assert browser.get(path_of(SpendLimit, "delete", limit.pk)).status_code == 200
        browser.post(path_of(SpendLimit, "delete", limit.pk), {"post": "yes"})
        assert not SpendLimit.objects.filter(pk=limit.pk).exists()
        assert_recorded("spend_limit.set", root, data__credits=None)


class TestRates:
    def announce(self, browser: Client, days: float, **typed: Any) -> Any:
        at = timezone.now() + timedelta(days=days)
        body = {
            "model": Rate.objects.earliest("pk").model,
            "resolution": "720p",
            "credits_per_second": "3",
            "effective_from_0": f"{at:%Y-%m-%d}",
            "effective_from_1": f"{at:%H:%M:%S}",
        }
        return browser.post(path_of(Rate, "add"), body | typed)

    def test_a_coming_price_is_announced_and_can_be_taken_back(
        self, browser: Client, root: User
    ) -> None:
        count = Rate.objects.count()
        assert self.announce(browser, 1).status_code == 302
        rate = Rate.objects.latest("pk")
        assert rate.credits_per_second == 3
        assert_recorded("rate.announced", root, subject=f"rate:{rate.pk}")
        browser.post(path_of(Rate, "delete", rate.pk), {"post": "yes"})
        assert Rate.objects.count() == count
        assert_recorded("rate.withdrawn", root)

    def test_a_price_in_force_is_neither_replaced_backwards_nor_deleted(
        self, browser: Client
    ) -> None:
        count = Rate.objects.count()
        assert "effective_from" in errors_of(self.announce(browser, -1))
        rate = Rate.objects.earliest("pk")
        assert browser.post(path_of(Rate, "delete", rate.pk), {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": rate.pk, "post": "yes"}
        page = browser.post(path_of(Rate, "changelist"), chosen, follow=True)
        assert page.status_code == 200
        assert "Successfully deleted" not in page.content.decode()
        assert Rate.objects.count() == count

    def test_what_has_no_price_may_get_one_at_once(self, browser: Client) -> None:
        assert self.announce(browser, -1, model="newcomer").status_code == 302

    def test_two_prices_cannot_start_together(self, root: User) -> None:
        now = timezone.now()
        at = now + timedelta(days=1)
        price: dict[str, Any] = {
            "model": "m",
            "resolution": "720p",
            "audio": True,
            "credits_per_second": 1,
        }
        announce_rate(**price, effective_from=at, actor=ACTOR, now=now)
        with pytest.raises(Conflict):
            announce_rate(**price, effective_from=at, actor=ACTOR, now=now)


class TestModels:
    def test_a_model_is_changed_and_recorded(self, browser: Client, root: User) -> None:
        model = VideoModel.objects.get()
        assert (
            browser.post(path_of(VideoModel, "change", model.pk), _form(model)).status_code == 302
        )
        model.refresh_from_db()
        assert not model.active
        event = assert_recorded("model.changed", root)
        assert "active" in event.data["fields"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("default_resolution", "8k"),
            ("default_seconds", "999"),
            ("resolutions", '"720p"'),
            ("sizes", "[]"),
        ],
    )
    def test_a_model_without_possible_defaults_is_refused(
        self, field: str, value: str, browser: Client
    ) -> None:
        model = VideoModel.objects.get()
        body = _form(model) | {field: value}
        assert field in errors_of(browser.post(path_of(VideoModel, "change", model.pk), body))


def test_nothing_the_admin_did_unbalances_the_books(browser: Client, world: World) -> None:
    browser.post(path_of(SpendLimit, "delete", world.rows[SpendLimit].pk), {"post": "yes"})
    browser.post(path_of(ProviderKey, "delete", world.rows[ProviderKey].pk), {"post": "yes"})
    browser.post(path_of(ApiKey, "delete", world.rows[ApiKey].pk), {"post": "yes"})
    assert list(audit()) == []
    assert Generation.objects.count() == 1


def _management(prefix: str, forms: int) -> dict[str, Any]:
    return {f"{prefix}-TOTAL_FORMS": forms, f"{prefix}-INITIAL_FORMS": 0}


def _form(model: VideoModel) -> dict[str, Any]:
    body = {}
    for field in VideoModel._meta.fields:
        value = field.value_from_object(model)
        body[field.name] = json.dumps(value) if isinstance(value, list | dict) else value
    body.pop("active")
    return body
