"""Approvals by the API's door."""

from typing import Any

import pytest

from accounts.models import ApiKey, AuditEvent, Membership
from accounts.people.names import name_of
from accounts.roles import Role
from generations.models import Approval, Generation
from tests.factories import make_api_key, make_member
from tests.support.api import Api
from tests.support.desk import Desk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]


@pytest.fixture
def manager_api(desk: Desk) -> Api:
    """The API as a manager of the team calls it."""
    manager = make_member(desk.team, Role.MANAGER, email="max@studio.example")
    return Api(make_api_key(manager).text)


@pytest.mark.parametrize(("verb", "status"), [("approve", "pending"), ("deny", "failed")])
def test_the_api_decides_and_answers_with_the_task(
    waiting: Generation, manager_api: Api, verb: str, status: str
) -> None:
    reply = manager_api.post(f"/v1/tasks/{waiting.pk}/{verb}", {"reason": "Because"})
    assert reply.status_code == 200
    assert reply.json()["status"] == status
    approval = Approval.objects.get()
    assert approval.decision == {"approve": "approved", "deny": "denied"}[verb]
    assert approval.reason == "Because"
    assert name_of(approval.decided_by).startswith("max@studio.example by API key …")
    event = AuditEvent.objects.get(action=f"approval.{approval.decision}")
    assert event.request_id
    again = manager_api.post(f"/v1/tasks/{waiting.pk}/{verb}")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_the_api_takes_a_decision_without_a_body(
    waiting: Generation, manager_api: Api, verb: str
) -> None:
    path, key = f"/v1/tasks/{waiting.pk}/{verb}", {"Authorization": f"Bearer {manager_api.key}"}
    reply = manager_api.http.generic("POST", path, headers=key)
    assert reply.status_code == 200


@pytest.mark.parametrize("verb", ["approve", "deny"])
@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_the_api_answers_403_to_a_role_that_may_not(
    desk: Desk, waiting: Generation, role: str, verb: str
) -> None:
    reply = Api(make_api_key(make_member(desk.team, role)).text).post(
        f"/v1/tasks/{waiting.pk}/{verb}"
    )
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["type"]) == (
        403,
        "permission_denied",
        "permission_error",
    )
    assert Approval.objects.get().decision == "open"


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_p32_the_api_answers_a_stranger_as_for_a_task_that_is_not(
    waiting: Generation, stranger_api: Api, verb: str
) -> None:
    theirs = stranger_api.post(f"/v1/tasks/{waiting.pk}/{verb}")
    nobodys = stranger_api.post(f"/v1/tasks/{'0' * 8}-0000-4000-8000-{'0' * 12}/{verb}")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.content == nobodys.content
    assert Approval.objects.get().decision == "open"


@pytest.mark.parametrize("body", [{"reason": 5}, {"reason": "\0"}, {"reason": "\ud800"}])
def test_the_api_takes_text_for_a_reason_only(
    waiting: Generation, manager_api: Api, body: Any
) -> None:
    reply = manager_api.post(f"/v1/tasks/{waiting.pk}/deny", body)
    assert (reply.status_code, reply.json()["error"]["details"]) == (400, {"field": "reason"})
    assert Approval.objects.get().decision == "open"


def test_the_api_shortens_a_reason_without_end(waiting: Generation, manager_api: Api) -> None:
    reply = manager_api.post(f"/v1/tasks/{waiting.pk}/deny", {"reason": "é" * 10_000})
    assert reply.status_code == 200
    assert Approval.objects.get().reason == "é" * 500


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_the_api_decides_by_post_only(waiting: Generation, manager_api: Api, verb: str) -> None:
    assert manager_api.get(f"/v1/tasks/{waiting.pk}/{verb}").status_code == 405
    assert Api(None).post(f"/v1/tasks/{waiting.pk}/{verb}").status_code == 401


def test_a_key_whose_owner_was_demoted_decides_nothing(
    desk: Desk, waiting: Generation, manager_api: Api
) -> None:
    owner = ApiKey.objects.get(owner__email="max@studio.example").owner
    Membership.objects.filter(user=owner).update(role=Role.MEMBER)
    assert manager_api.post(f"/v1/tasks/{waiting.pk}/approve").status_code == 403
