"""`GET /v1/tasks/{id}/receipt`: every credit, from the quote to the kept film, and no secret."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.test import Client

from accounts.authority import By
from accounts.models import Membership
from accounts.people.names import name_of
from accounts.roles import Role
from billing.models import Hold, Rate, Transfer
from generations.approvals.service import approve, set_threshold
from generations.lifecycle import State
from generations.models import Film, Generation
from generations.review.corrections import release_reviewed
from tests.factories import (
    SYSTEM,
    image_bytes,
    make_api_key,
    make_generation,
    make_member,
    make_user,
)
from tests.support.api import Api
from tests.support.desk import Desk, fresh
from tests.support.films import film_bytes
from tests.support.sending import send_all
from tests.support.steps import make_due, poll_due, run_queue
from tests.support.vendor import Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]

SMALL: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False}  # 12 credits


def receipt(api: Api, task_id: object) -> dict[str, Any]:
    """Fetch a receipt that must be there."""
    reply = api.get(f"/v1/tasks/{task_id}/receipt")
    assert reply.status_code == 200, reply.content
    body: dict[str, Any] = reply.json()
    return body


def call_back(generation: Generation, upstream_id: str) -> None:
    """Call our callback path as the vendor does."""
    reply = Client().post(
        f"/callbacks/{generation.callback_token}",
        json.dumps({"id": upstream_id}),
        content_type="application/json",
        headers={"X-Event": "task.completed"},
    )
    assert reply.status_code == 204


@pytest.fixture
def finished(desk: Desk, alice: Membership, api: Api, vendor: Vendor) -> Generation:
    """A generation that was approved, sent, called back, completed and kept, all for real."""
    desk.cap("project", 500, "day")
    desk.cap("team", 5_000, "month")
    set_threshold(team=desk.team, above=10, by=SYSTEM)
    headers = {"X-Project": "launch", "Idempotency-Key": "order-77"}
    task_id = api.generate("A pier", headers=headers, **SMALL).json()["data"]["taskId"]
    job = Generation.objects.get(pk=task_id)
    approve(job, by=SYSTEM, now=datetime.now(UTC), reason="Fine")
    send_all()
    vendor.finish(vendor.only_task, film_bytes(), duration=4, resolution="480p")
    call_back(job, vendor.only_task)
    make_due(job)
    poll_due()
    run_queue("keep")
    return fresh(job)


def test_the_receipt_traces_every_credit_of_a_kept_film(
    desk: Desk, finished: Generation, alice: Membership, api: Api, vendor: Vendor
) -> None:
    got = receipt(api, finished.pk)
    assert (got["id"], got["status"], got["state"]) == (str(finished.pk), "completed", "completed")
    requested = got["requested"]
    assert (requested["by"], requested["team"], requested["project"]) == (
        alice.user.email,
        desk.team.slug,
        "launch",
    )
    assert requested["api_key"] == str(finished.api_key)
    assert requested["idempotency_key"] == "order-77"
    assert requested["fingerprint"] == finished.fingerprint
    assert requested["body"] == finished.body
    rate = Rate.objects.get(resolution="480p", audio=False)
    assert got["quote"] == {
        "credits": 12,
        "seconds": 4,
        "credits_per_second": 3,
        "rate": {"id": rate.pk, "effective_from": int(rate.effective_from.timestamp())},
    }
    assert (got["approval"]["decision"], got["approval"]["reason"]) == ("approved", "Fine")
    assert (got["approval"]["above"], got["approval"]["decided_by"]) == (10, "test")
    hold = Hold.objects.get()
    assert (got["hold"]["id"], got["hold"]["amount"], got["hold"]["settled"]) == (
        str(hold.pk),
        12,
        12,
    )
    assert [(one["scope"], one["window"]) for one in got["hold"]["windows"]] == [
        ("project", "day"),
        ("team", "month"),
    ]
    entries = Transfer.objects.filter(hold=hold).order_by("id")
    assert [
        (one["id"], one["kind"], one["amount"], one["from"], one["to"], one["actor"])
        for one in got["entries"]
    ] == [
        (entries[0].pk, "hold", 12, "wallet", "held", name_of(entries[0].actor)),
        (entries[1].pk, "settle", 12, "held", "spent", "system:poll"),
    ]
    assert entries[0].actor.startswith(f"user:{alice.user_id}/api_key:")
    assert got["entries"][0]["actor"].startswith("alice@studio.example by API key …")
    assert got["entries"][0]["request_id"]
    assert got["spent"] == 12
    assert got["vendor"]["task_id"] == vendor.only_task
    assert got["vendor"]["provider_key"] == str(desk.provider_key)
    assert [(one["event"], one["verdict"]) for one in got["vendor"]["callbacks"]] == [
        ("task.completed", "noted")
    ]
    assert got["vendor"]["metadata"]["duration"] == 4
    assert got["film"]["state"] == "kept"
    assert got["film"]["sha256"] == hashlib.sha256(film_bytes()).hexdigest()
    assert got["film"]["size"] == len(film_bytes())
    moves = [(one["from"], one["to"]) for one in got["events"] if one["kind"] == "moved"]
    assert moves == [
        ("awaiting_approval", "queued"),
        ("queued", "submitting"),
        ("submitting", "processing"),
        ("processing", "completed"),
    ]
    assert all(one["actor"] and one["at"] for one in got["events"])


def test_p33_a_receipt_holds_no_secret_and_no_path_that_opens_something(
    desk: Desk, finished: Generation, alice: Membership, api: Api
) -> None:
    uploaded = api.upload(BytesIO(image_bytes("PNG"))).json()["data"]["url"]
    set_threshold(team=desk.team, above=None, by=SYSTEM)
    task_id = api.accepted("From a picture", image_urls=[uploaded], **SMALL)
    film = Film.objects.get()
    for task in [str(finished.pk), task_id]:
        job = Generation.objects.get(pk=task)
        text = json.dumps(receipt(api, task))
        for secret in [
            api.key,
            job.callback_token,
            film.token,
            film.source_url,
            job.provider_key.secret_token,
            "-secret",
            uploaded.rpartition("/")[2].partition(".")[0],
        ]:
            assert secret
            assert secret not in text
    assert receipt(api, task_id)["requested"]["body"]["input"]["image_urls"] == [
        "http://dailies.test/uploads/…"
    ]


def test_the_receipt_of_what_was_refused_by_the_vendor_shows_what_came_back(
    desk: Desk, api: Api, alice: Membership
) -> None:
    job = make_generation(alice, State.FAILED)
    got = receipt(api, job.pk)
    assert [(one["kind"], one["from"], one["to"]) for one in got["entries"]] == [
        ("hold", "wallet", "held"),
        ("release", "held", "wallet"),
    ]
    assert (got["spent"], got["film"], got["approval"]) == (0, None, None)
    assert got["hold"]["released"] == 70


def test_the_receipt_of_what_waits_is_open(desk: Desk, api: Api) -> None:
    set_threshold(team=desk.team, above=10, by=SYSTEM)
    got = receipt(api, desk.submit().pk)
    assert (got["status"], got["state"]) == ("pending", "awaiting_approval")
    assert got["hold"]["closed_at"] is None
    assert [one["kind"] for one in got["entries"]] == ["hold"]
    assert got["approval"]["decided_by"] is None


def test_p14_the_receipt_shows_a_correction_beside_what_it_corrects(
    alice: Membership, api: Api, vendor: Vendor
) -> None:
    job = make_generation(alice, State.NEEDS_REVIEW, upstream_id=vendor.add_task(), **SMALL)
    root = make_user("root@dailies.example", admin=True)
    by = By.operator(root, request_id="req-9")
    release_reviewed(job, by=by, reason="Support said so", now=datetime.now(UTC))
    vendor.finish(job.upstream_id or "", urls=[])
    make_due(job)
    poll_due()
    got = receipt(api, job.pk)
    assert [(one["kind"], one["actor"], one["request_id"]) for one in got["entries"][1:]] == [
        ("release", "root@dailies.example in the admin", "req-9"),
        ("adjust", "system:poll", None),
    ]
    assert "Support said so" in got["entries"][1]["reason"]
    assert (got["hold"]["released"], got["hold"]["adjusted"], got["spent"]) == (12, 12, 12)
    assert got["film"]["problem"]


def test_p18_the_receipt_shows_the_rate_of_its_day(desk: Desk, api: Api) -> None:
    job = desk.submit()
    Rate.objects.create(
        model=job.model,
        resolution=job.resolution,
        audio=job.generate_audio,
        credits_per_second=99,
        effective_from=datetime.now(UTC) - timedelta(seconds=1),
    )
    assert receipt(api, job.pk)["quote"]["credits_per_second"] == 14


def test_p32_a_stranger_gets_what_nobody_gets(desk: Desk, stranger_api: Api, api: Api) -> None:
    theirs = stranger_api.get(f"/v1/tasks/{desk.submit().pk}/receipt")
    nobodys = stranger_api.get("/v1/tasks/00000000-0000-4000-8000-000000000000/receipt")
    nonsense = stranger_api.get("/v1/tasks/nonsense/receipt")
    assert theirs.status_code == nobodys.status_code == nonsense.status_code == 404
    assert theirs.content == nobodys.content == nonsense.content
    assert theirs.json()["error"]["code"] == "task_not_found"


def test_everybody_in_the_team_may_see_a_receipt_and_only_see_it(desk: Desk) -> None:
    viewer = Api(make_api_key(make_member(desk.team, Role.VIEWER)).text)
    job = desk.submit()
    assert receipt(viewer, job.pk) == receipt(viewer, job.pk)
    assert viewer.post(f"/v1/tasks/{job.pk}/receipt").status_code == 405
    assert Api(None).get(f"/v1/tasks/{job.pk}/receipt").status_code == 401
