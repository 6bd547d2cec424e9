"""Who gets in, what they see, and what nobody may do."""

import pytest
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django_q.models import Failure, OrmQ, Schedule, Success

from accounts.models import (
    ApiKey,
    AuditEvent,
    HostBackoff,
    Membership,
    Notice,
    Project,
    Team,
    User,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from billing.models import Account, Hold, HoldWindow, Rate, SpendAlert, SpendWindow, Transfer
from generations.models import (
    Approval,
    CallbackReceipt,
    Discrepancy,
    Film,
    Generation,
    GenerationEvent,
    ProviderKey,
    StoredFile,
    Upload,
    UsageSample,
    VideoModel,
)
from platform_site.models import Cluster, Heartbeat
from tests.factories import make_user
from tests.generations.admin.conftest import World
from tests.generations.admin.test_admin_pages import by_label, path_of

READ_ONLY = (
    Account,
    Approval,
    AuditEvent,
    Heartbeat,
    CallbackReceipt,
    Cluster,
    Discrepancy,
    Failure,
    Film,
    Generation,
    GenerationEvent,
    Hold,
    HoldWindow,
    UsageSample,
    Notice,
    OrmQ,
    Project,
    Schedule,
    HostBackoff,
    SpendAlert,
    SpendWindow,
    StoredFile,
    Success,
    Transfer,
    Upload,
    WebhookAttempt,
    WebhookDelivery,
)


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_rows_of_services_cannot_be_added_changed_or_deleted(
    model: type[Model], browser: Client, world: World
) -> None:
    row = world.rows[model]
    before = model._default_manager.filter(pk=row.pk).values().get()
    assert browser.get(path_of(model, "add")).status_code == 403
    assert browser.post(path_of(model, "add"), {}).status_code == 403
    assert browser.post(path_of(model, "change", row.pk), {}).status_code == 403
    assert browser.post(path_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    choose = {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
    browser.post(path_of(model, "changelist"), choose)
    assert model._default_manager.filter(pk=row.pk).values().get() == before
    page = browser.get(path_of(model, "change", row.pk))
    assert 'name="_save"' not in page.content.decode()
    assert "deletelink" not in page.content.decode()
    assert path_of(model, "delete", row.pk) not in page.content.decode()


@pytest.mark.parametrize("model", [Team, User, Membership, VideoModel])
def test_rows_that_history_names_cannot_be_deleted(
    model: type[Model], browser: Client, world: World
) -> None:
    row = world.rows[model]
    assert browser.post(path_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", [ApiKey, ProviderKey, Rate, WebhookEndpoint])
def test_rows_written_once_cannot_be_edited(
    model: type[Model], browser: Client, world: World
) -> None:
    row = world.rows[model]
    assert browser.post(path_of(model, "change", row.pk), {"label": "x"}).status_code == 403


@by_label
def test_strangers_are_sent_to_the_one_sign_in(
    model: type[Model], world: World, client: Client
) -> None:
    response = client.get(path_of(model, "changelist"))
    assert response.status_code == 302
    sign_in = client.get(response["Location"])
    assert sign_in.status_code == 302
    assert sign_in["Location"].startswith(reverse("account_login"))


def test_people_who_are_no_administrators_are_turned_away(world: World, client: Client) -> None:
    client.force_login(world.membership.user)
    response = client.get(reverse("admin:index"), follow=True)
    assert response.status_code == 403


def test_an_administrator_who_is_switched_off_is_turned_away(root: User, client: Client) -> None:
    client.force_login(root)
    User.objects.filter(pk=root.pk).update(is_active=False)
    assert client.get(reverse("admin:index")).status_code == 302


def test_staff_see_what_their_permissions_give(world: World, client: Client) -> None:
    reader = make_user("reader@example.com", is_staff=True)
    client.force_login(reader)
    home = client.get(reverse("admin:index"))
    assert home.status_code == 200
    assert "no permission to see" in home.content.decode()
    assert client.get(path_of(Generation, "changelist")).status_code == 403

    reader.user_permissions.add(Permission.objects.get(codename="view_generation"))
    client.force_login(User.objects.get(pk=reader.pk))
    home = client.get(reverse("admin:index"))
    page = home.content.decode()
    assert path_of(Generation, "changelist") in page
    assert path_of(Transfer, "changelist") not in page
    assert "Credits of all teams" not in page
    assert client.get(path_of(Generation, "changelist")).status_code == 200
    assert client.get(path_of(Team, "changelist")).status_code == 403
    team = world.rows[Team]
    grant = reverse("admin:accounts_team_grant_credits", args=[team.pk])
    assert client.post(grant, {"credits": 5, "reason": "x"}).status_code == 403
    assert Transfer.objects.filter(reason="x").count() == 0


def test_staff_cannot_make_themselves_superusers(world: World, client: Client, root: User) -> None:
    helper = make_user("helper@example.com", is_staff=True)
    helper.user_permissions.add(
        *Permission.objects.filter(codename__in=["change_user", "view_user"])
    )
    client.force_login(User.objects.get(pk=helper.pk))
    body = {"email": helper.email, "name": "H", "is_active": "on", "is_superuser": "on"}
    body |= {f"memberships-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    assert client.post(path_of(User, "change", helper.pk), body).status_code == 302
    helper.refresh_from_db()
    assert (helper.name, helper.is_superuser) == ("H", False)
    assert client.post(path_of(User, "change", root.pk), body).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[root.pk])
    assert client.get(password).status_code == 403


def test_the_admin_has_a_policy_of_its_own_and_the_site_keeps_the_strict_one(
    browser: Client, client: Client
) -> None:
    policy = browser.get(reverse("admin:index"))["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "default-src 'self'" in policy
    assert "object-src 'none'" in policy
    outside = client.get(reverse("account_login"))["Content-Security-Policy"]
    assert "unsafe-eval" not in outside
    assert "unsafe-inline" not in outside
