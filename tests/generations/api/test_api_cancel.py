"""`POST /v1/tasks/{id}/cancel`: honest in status and money, and the same for every stranger."""

from typing import Any

import pytest

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import Generation
from tests.factories import make_api_key, make_generation
from tests.support.api import Api

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def fresh(generation: Generation) -> Generation:
    return Generation.objects.get(pk=generation.pk)


def api_of(member: Membership) -> Api:
    return Api(make_api_key(member).text)


def test_the_api_cancels_what_waits_and_answers_with_the_task(api: Api, alice: Membership) -> None:
    task_id = api.accepted()
    reply = api.post(f"/v1/tasks/{task_id}/cancel", {"reason": "Wrong take"})
    assert reply.status_code == 200
    assert reply.json()["status"] == "failed"
    assert reply.json()["error"] == {
        "code": "cancelled",
        "message": "Cancelled before it was sent. Wrong take",
    }
    assert api.post(f"/v1/tasks/{task_id}/cancel").json() == reply.json()
    assert api.task(task_id).json() == reply.json()


@pytest.mark.parametrize(
    ("state", "status"), [(State.SUBMITTING, "pending"), (State.PROCESSING, "processing")]
)
def test_the_api_notes_the_wish_and_says_honestly_that_it_goes_on(
    api: Api, alice: Membership, state: State, status: str
) -> None:
    job = make_generation(alice, state)
    assert "cancel_requested_at" not in api.task(job.pk).json()
    reply = api.post(f"/v1/tasks/{job.pk}/cancel")
    asked_at = fresh(job).cancel_requested_at
    assert asked_at is not None
    assert reply.status_code == 200
    assert reply.json()["status"] == status
    assert reply.json()["cancel_requested_at"] == int(asked_at.timestamp())
    assert api.post(f"/v1/tasks/{job.pk}/cancel").json() == reply.json()


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED])
def test_the_api_refuses_what_ended_with_409_and_its_state(
    api: Api, alice: Membership, state: State
) -> None:
    job = make_generation(alice, state)
    reply = api.post(f"/v1/tasks/{job.pk}/cancel")
    assert reply.status_code == 409
    assert reply.json()["error"]["code"] == "conflict"
    assert reply.json()["error"]["details"] == {"state": state}


def test_p32_a_strangers_task_and_a_random_id_are_one_404(
    api: Api, stranger_api: Api, alice: Membership
) -> None:
    job = make_generation(alice)
    replies = [
        stranger_api.post(f"/v1/tasks/{one}/cancel", {"reason": "x"})
        for one in (job.pk, "6a0e8b3c-0c2d-4a55-9b93-2f3c8f3bb1f2", "x", "%00")
    ]
    assert {reply.status_code for reply in replies} == {404}
    assert len({reply.content for reply in replies}) == 1
    assert fresh(job).state == State.QUEUED


def test_the_api_lets_the_person_and_managers_cancel(alice: Membership, bob: Membership) -> None:
    job = make_generation(alice)
    path = f"/v1/tasks/{job.pk}/cancel"
    reply = api_of(bob).post(path)
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "permission_denied")
    assert api_of(alice).post(path).status_code == 200
    own = make_generation(bob)
    assert api_of(bob).post(f"/v1/tasks/{own.pk}/cancel").status_code == 200


@pytest.mark.parametrize("body", [b"{", b"\xff"])
def test_an_odd_body_is_answered_in_the_envelope(api: Api, alice: Membership, body: Any) -> None:
    job = make_generation(alice)
    reply = api.post(f"/v1/tasks/{job.pk}/cancel", body)
    assert reply.status_code == 400
    assert fresh(job).state == State.QUEUED
    assert api.get(f"/v1/tasks/{job.pk}/cancel").status_code == 405


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ([1], "reason", "The body must be a JSON object"),
        (b"[]", "reason", "The body must be a JSON object"),
        (b'"no"', "reason", "The body must be a JSON object"),
        (b"null", "reason", "The body must be a JSON object"),
        (b"0", "reason", "The body must be a JSON object"),
        ({"Reason": "x"}, "Reason", "'Reason' is not a known field. Did you mean 'reason'?"),
        ({"reason": "x", "note": "y"}, "note", "'note' is not a known field."),
        ({"reason": 5}, "reason", "'reason' must be a string."),
        ({"reason": "a\0b"}, "reason", "'reason' holds a character that is not text (NUL"),
        ({"reason": "\ud800"}, "reason", "'reason' holds a character that is not text (NUL"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("verb", ["cancel", "approve", "deny"])
def test_f12_a_reason_that_cannot_be_read_is_refused_and_not_lost(
    api: Api, alice: Membership, verb: str, body: Any, field: str, words: str
) -> None:
    job = make_generation(alice)
    reply = api.post(f"/v1/tasks/{job.pk}/{verb}", body)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (400, "invalid_request")
    assert error["details"] == {"field": field}
    assert error["message"].startswith(words)
    assert fresh(job).state == State.QUEUED


@pytest.mark.parametrize("body", [b"", b"{}", {"reason": None}, {"reason": ""}], ids=ascii)
def test_a_reason_may_be_left_out(api: Api, alice: Membership, body: Any) -> None:
    job = make_generation(alice)
    assert api.post(f"/v1/tasks/{job.pk}/cancel", body).status_code == 200
    assert fresh(job).state == State.CANCELLED
