"""Names of which nothing can be seen are none, whoever has them (F12)."""

import pytest
from django.test import Client

from accounts.api_keys import create_api_key
from accounts.models import Membership, Project, Team, User
from accounts.projects import create_project, rename_project
from accounts.teams import create_team
from billing.ledger import grant
from platform_site.errors import InvalidRequest
from tests.factories import SYSTEM

pytestmark = pytest.mark.django_db
BLANK = ["\u200b", "\ufeff\u200e", "\u3164", "\u2800", "\U000e0041", " \u00ad "]


@pytest.mark.parametrize("name", BLANK, ids=ascii)
def test_f12_teams_and_projects_need_names_that_can_be_seen(alice: Membership, name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        create_team(name=name, slug="none", by=SYSTEM)
    assert caught.value.field == "name"
    with pytest.raises(InvalidRequest):
        create_project(team=alice.team, name=name, by=SYSTEM)
    project = create_project(team=alice.team, name=f"{name}Autumn{name}", by=SYSTEM)
    assert project.name == "Autumn"
    with pytest.raises(InvalidRequest):
        rename_project(project, name=name, by=SYSTEM)
    assert Project.objects.get().name == "Autumn"
    assert not Team.objects.filter(slug="none").exists()


@pytest.mark.parametrize("name", BLANK, ids=ascii)
def test_f12_a_key_with_such_a_name_has_the_usual_one(alice: Membership, name: str) -> None:
    key, _ = create_api_key(team=alice.team, owner=alice.user, label=name, by=SYSTEM)
    assert key.label == "API key"


def test_f15_a_key_pasted_as_a_keys_name_is_masked(alice: Membership) -> None:
    key, _ = create_api_key(
        team=alice.team, owner=alice.user, label="old sk-0123456789abcd", by=SYSTEM
    )
    assert key.label == "old sk-…abcd"


@pytest.mark.parametrize("reason", BLANK, ids=ascii)
def test_f12_a_grant_needs_a_reason_that_can_be_seen(team: Team, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        grant(team=team, credits=1, reason=reason, by=SYSTEM)
    assert caught.value.field == "reason"


def test_f12_the_admin_says_so_beside_the_name(db: None) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser(email="root@site.example", password="x"))
    form = {"name": "\u200b", "slug": "none"}
    page = browser.post("/admin/accounts/team/add/", form)
    assert "Enter a name with visible characters." in page.content.decode()
    assert not Team.objects.exists()
