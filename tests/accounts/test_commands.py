"""The command `demo`, which scripts build on."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command

from accounts.models import Membership, Team, User
from billing.selectors import books_of
from generations.models import ProviderKey
from generations.provider_keys.vault import reveal
from tests.support.api import Api
from tests.support.web import database_environment, manage

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str) -> str:
    """Run a command in this process; return its standard output."""
    out = StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


ROLES = ("admin", "owner", "manager", "member", "viewer")


class TestDemo:
    def demo(self) -> dict[str, Any]:
        """Run `demo --json`."""
        printed = run("demo", "--json")
        made: dict[str, Any] = json.loads(printed)
        return made

    def test_it_makes_a_funded_team_with_people_of_every_role_and_keys(self) -> None:
        demo = self.demo()
        assert set(demo) == {"url", "team", "api_key", *ROLES}
        team = Team.objects.get(slug=demo["team"])
        assert books_of(team).available == 100_000
        for role in ROLES:
            user = authenticate(username=demo[role]["email"], password=demo[role]["password"])
            assert isinstance(user, User)
            assert user.is_superuser == user.is_staff == (role == "admin")
            expected = "owner" if role == "admin" else role
            assert Membership.objects.get(team=team, user=user).role == expected
        key = ProviderKey.objects.get(team=team, owner=None)
        assert reveal(key).reveal().startswith("sk-sandbox-")
        assert Api(demo["api_key"]).get("/v1/credits").json()["data"]["balance"] == 100_000
        assert Api(demo["api_key"]).generate().status_code == 200

    def test_again_it_tops_up_and_gives_a_fresh_key_but_changes_nothing_else(self) -> None:
        first = self.demo()
        Api(first["api_key"]).accepted()
        second = self.demo()
        assert second["api_key"] != first["api_key"]
        assert {**first, "api_key": ""} == {**second, "api_key": ""}
        team = Team.objects.get(slug=first["team"])
        assert books_of(team).available == 100_000
        assert books_of(team).granted == 100_070
        assert Team.objects.count() == 1
        assert User.objects.count() == 5
        assert ProviderKey.objects.count() == 1
        assert self.demo()
        assert books_of(team).granted == 100_070
        assert Api(first["api_key"]).get("/v1/credits").status_code == 200

    def test_it_brings_its_people_back(self) -> None:
        demo = self.demo()
        User.objects.update(is_active=False, is_staff=False, is_superuser=False)
        Membership.objects.all().delete()
        self.demo()
        assert authenticate(username=demo["admin"]["email"], password=demo["admin"]["password"])
        assert User.objects.get(is_staff=True).email == demo["admin"]["email"]
        assert Membership.objects.count() == 5

    def test_for_people_it_prints_lines(self) -> None:
        printed = run("demo")
        assert "API key   sk-" in printed
        for role in ROLES:
            assert re.search(rf"^{role} ", printed, re.MULTILINE)


@pytest.mark.django_db(transaction=True)
class TestAsProcesses:
    """Nothing but the result is on standard output; logs go to the other stream."""

    def test_demo_prints_exactly_one_json_object(self) -> None:
        done = manage("demo", "--json", **database_environment())
        assert done.returncode == 0, done.stderr
        demo = json.loads(done.stdout)
        assert set(demo) == {"url", "team", "api_key", *ROLES}
        assert demo["api_key"] not in done.stderr
