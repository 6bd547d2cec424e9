"""Limits, prices and models are set by administrators, through services and with a record."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Membership, Project, Team, User
from billing.models import Rate, SpendLimit
from billing.services.rates import schedule_rate
from generations.models import ProviderKey, VideoModel
from platform_site.errors import Conflict
from tests.factories import SYSTEM
from tests.generations.admin.conftest import World
from tests.generations.admin.steps import assert_recorded, errors_of, management
from tests.generations.admin.test_admin_pages import path_of
from tests.support.catalogue import add_parameter, change_parameter


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
        self.add(browser, kind="own", team=team.pk, person=person.pk)
        self.add(browser, kind="project", project=world.rows[Project].pk)
        self.add(browser, kind="api_key", api_key=key.pk)
        self.add(browser, kind="provider_key", provider_key=vendor_key.pk)
        found = set(SpendLimit.objects.values_list("subject_kind", "subject_id", "credits"))
        assert found == {
            ("team", str(team.pk), 9),
            ("member", f"{team.pk}:{person.pk}", 9),
            ("member", f"{team.pk}:{person.pk}:own", 9),
            ("project", str(world.rows[Project].pk), 9),
            ("api_key", str(key.pk), 9),
            ("provider_key", str(vendor_key.pk), 9),
        }
        assert_recorded("spend_limit.set", root, team=team)

    @pytest.mark.parametrize(
        "kind", ["team", "member", "own", "project", "api_key", "provider_key", ""]
    )
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
        body |= management("windows", 0)
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
        return browser.post(path_of(Rate, "add"), body | typed | {"_confirmed": "1"})

    def test_a_coming_price_is_announced_and_can_be_taken_back(
        self, browser: Client, root: User
    ) -> None:
        count = Rate.objects.count()
        assert self.announce(browser, 1).status_code == 302
        rate = Rate.objects.latest("pk")
        assert rate.credits_per_second == 3
        assert_recorded("rate.scheduled", root, subject_kind="rate", subject_id=str(rate.pk))
        browser.post(path_of(Rate, "delete", rate.pk), {"post": "yes"})
        assert Rate.objects.count() == count
        assert_recorded("rate.withdrawn", root)

    def test_a_price_in_force_is_neither_replaced_backwards_nor_deleted(
        self, browser: Client, world: World
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
        schedule_rate(**price, effective_from=at, by=SYSTEM, now=now)
        with pytest.raises(Conflict):
            schedule_rate(**price, effective_from=at, by=SYSTEM, now=now)


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
        ("name", "changes"),
        [
            ("resolution", {"default": "8k"}),
            ("duration", {"default": 999}),
            ("resolution", {"choices": "720p"}),
        ],
    )
    def test_a_model_without_possible_defaults_is_refused(
        self, name: str, changes: dict[str, Any], browser: Client
    ) -> None:
        model = VideoModel.objects.get()
        change_parameter(model, name, **changes)
        reply = browser.post(path_of(VideoModel, "change", model.pk), _form(model))
        assert name in str(errors_of(reply)["parameters"])

    @pytest.mark.parametrize(
        ("field", "value"),
        [("sizes", "[]"), ("refused_fields", '"x"'), ("refused_fields", '["seed"]')],
    )
    def test_a_model_whose_other_fields_cannot_be_read_is_refused(
        self, field: str, value: str, browser: Client
    ) -> None:
        model = VideoModel.objects.get()
        body = _form(model) | {field: value}
        assert field in errors_of(browser.post(path_of(VideoModel, "change", model.pk), body))

    @pytest.mark.parametrize("name", ["prompt", "image_urls", "project", "take", "ratio"])
    def test_a_parameter_is_not_called_like_another_field(self, name: str, browser: Client) -> None:
        model = VideoModel.objects.get()
        add_parameter(model, name=name, type="boolean", default=False, label="X")
        reply = browser.post(path_of(VideoModel, "change", model.pk), _form(model))
        assert name in str(errors_of(reply)["parameters"])


def _form(model: VideoModel) -> dict[str, Any]:
    body = {}
    for field in VideoModel._meta.fields:
        value = field.value_from_object(model)
        body[field.name] = json.dumps(value) if isinstance(value, list | dict) else value
    body.pop("active")
    return body
