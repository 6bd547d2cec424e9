"""Keeping: a film is fetched, checked and stored once, and then told of (P39)."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from accounts.models import Membership, WebhookDelivery
from billing.models import Transfer
from generations.archive.keep import GONE_TIMES, keep_film
from generations.archive.store import film_storage
from generations.lifecycle import State
from generations.models import Film, Generation
from generations.ops.agenda import enqueue_due_steps
from generations.reports.audit import audit_site
from generations.task_object import task_object
from tests.support.films import film_bytes
from tests.support.keeping import completed, kept, path_of, stored_files_of
from tests.support.races import race
from tests.support.steps import Trap, run_queue
from tests.support.vendor import Exchange, Reply, Vendor, drop, html, reset, say

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def test_p39_a_kept_film_is_the_vendors_file_with_its_size_and_digest(film: Film) -> None:
    kept(film)
    data = film_bytes()
    assert film.state == Film.State.KEPT
    assert film_storage().open(film.file_name).read() == data
    assert (film.size, film.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (film.width, film.height, film.frames, film.has_audio) == (864, 496, 96, False)
    assert (film.differs, film.problem, film.next_attempt_at) == ("", "", None)


def test_a_kept_film_has_a_poster_and_its_very_last_frame(film: Film) -> None:
    kept(film)
    for name in (film.poster_name, film.last_frame_name):
        with Image.open(film_storage().open(name)) as image:
            assert (image.format, image.size) == ("JPEG", (864, 496))
    with Image.open(film_storage().open(film.last_frame_name)) as image:
        # The pictures of `film_bytes` are as grey as their number says.
        low, high = image.convert("L").getextrema()
    assert [low, high] == pytest.approx([95, 95], abs=4)


def test_p39_clients_hear_completed_only_once_the_film_is_kept(film: Film) -> None:
    generation = Generation.objects.get(pk=film.pk)
    assert (generation.state, task_object(generation)["status"]) == ("completed", "processing")
    kept(film)
    task = task_object(Generation.objects.get(pk=film.pk))
    assert task["status"] == "completed"
    assert task["output"]["urls"] == [f"http://dailies.test/films/{film.token}.mp4"]
    assert "film_lost" not in task["output"]


@pytest.mark.parametrize(
    ("order", "differs"),
    [
        ({"duration": 5}, "96 frames instead of 120"),
        ({"resolution": "720p"}, "864×496 pixels instead of 1280×720"),
        ({"generate_audio": True}, "without sound"),
    ],
)
def test_p19_a_film_that_differs_from_its_order_is_kept_and_flagged(
    alice: Membership, vendor: Vendor, order: dict[str, Any], differs: str
) -> None:
    film = kept(completed(alice, vendor, film_bytes(), **order))
    assert (film.state, film.differs) == (Film.State.KEPT, differs)


def breaks_off(exchange: Exchange) -> None:
    data = film_bytes()
    exchange.send(200, data[: len(data) // 2], {"Content-Length": str(len(data))})


@pytest.mark.parametrize(
    "reply",
    [
        breaks_off,
        drop,
        reset,
        html(500),
        html(200),
        html(429),
        say(200, b""),
        say(200, b"\0" * 5000),
        say(200, film_bytes()[:2000]),
        say(200, film_bytes(), Content_Encoding="gzip"),
    ],
    ids=["half", "drop", "reset", "500", "a-page", "429", "empty", "zeros", "head", "gzip"],
)
def test_p39_what_is_not_the_whole_film_is_not_kept_but_tried_again(
    film: Film, vendor: Vendor, reply: Reply
) -> None:
    vendor.next(path_of(film), reply)
    kept(film)
    assert (film.state, film.attempts) == (Film.State.PENDING, 1)
    assert film.problem
    assert film.next_attempt_at is not None
    assert stored_files_of(film) == []
    enqueue_due_steps(timezone.now() + timedelta(seconds=2))
    run_queue("keep")
    film.refresh_from_db()
    assert (film.state, film.attempts) == (Film.State.KEPT, 2)
    assert list(audit_site()) == []


def test_p39_tries_grow_rarer(film: Film, vendor: Vendor) -> None:
    vendor.always(path_of(film), html(503))
    waits = []
    for _ in range(12):
        before = timezone.now()
        kept(film)
        assert film.next_attempt_at is not None
        waits.append(round((film.next_attempt_at - before).total_seconds()))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]


def test_p17_nothing_about_keeping_touches_money(film: Film, vendor: Vendor) -> None:
    before = list(Transfer.objects.order_by("pk").values())
    vendor.always(path_of(film), html(404))
    kept(film, times=GONE_TIMES)
    assert film.state == Film.State.GIVEN_UP
    generation = Generation.objects.get(pk=film.pk)
    assert (generation.state, generation.hold.settled) == (State.COMPLETED, 12)
    assert list(Transfer.objects.order_by("pk").values()) == before
    assert list(audit_site()) == []


def test_p26_a_step_that_runs_again_keeps_nothing_twice(film: Film, vendor: Vendor) -> None:
    kept(film, times=3)
    assert len(vendor.calls_to(path_of(film))) == 1
    assert len(stored_files_of(film)) == 3


@pytest.mark.django_db(transaction=True)
def test_p26_of_steps_that_run_at_once_one_fetches(alice: Membership, vendor: Vendor) -> None:
    film = completed(alice, vendor, film_bytes())
    gate = vendor.gate()
    data = film_bytes()
    vendor.always(path_of(film), gate.before(lambda exchange: exchange.send(200, data)))

    def work(number: int) -> None:
        if number == 3:
            gate.wait()
            gate.open()
        else:
            keep_film(film.pk)

    assert race(4, work) == [None] * 4
    film.refresh_from_db()
    assert (film.state, film.attempts) == (Film.State.KEPT, 1)
    assert len(vendor.calls_to(path_of(film))) == 1
    assert len(stored_files_of(film)) == 3


def test_p39_a_film_that_is_stored_before_that_can_be_said_is_not_stored_twice(
    film: Film, vendor: Vendor
) -> None:
    with Trap("generations_film", "UPDATE", "NEW.state = 'kept'"):
        kept(film)
    assert film.state == Film.State.PENDING
    first = stored_files_of(film)
    assert len(first) == 3
    kept(film)
    assert film.state == Film.State.KEPT
    assert stored_files_of(film) == first
    assert film_storage().open(film.file_name).read() == film_bytes()


def test_a_claim_outlives_its_dead_worker_by_time_alone(film: Film, vendor: Vendor) -> None:
    later = timezone.now() + timedelta(minutes=2)
    Film.objects.update(claimed_until=later, next_attempt_at=later)
    assert kept(film).state == Film.State.PENDING
    Film.objects.update(claimed_until=timezone.now(), next_attempt_at=timezone.now())
    enqueue_due_steps(timezone.now())
    run_queue("keep")
    film.refresh_from_db()
    assert film.state == Film.State.KEPT


def test_an_event_says_that_the_film_is_kept(film: Film) -> None:
    kept(film)
    event = Generation.objects.get(pk=film.pk).events.get(kind="kept")
    assert (event.actor, film.sha256[:12] in event.message) == ("system:keep", True)


def test_the_webhook_waits_for_the_film(
    alice: Membership, vendor: Vendor, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = [vendor.url.removeprefix("http://")]
    film = completed(alice, vendor, film_bytes(), callback_url=f"{vendor.url}/hook")
    assert not WebhookDelivery.objects.exists()
    kept(film)
    delivery = WebhookDelivery.objects.get()
    assert delivery.event == "task.completed"
    assert json.loads(delivery.body)["output"]["urls"] == [
        f"http://dailies.test/films/{film.token}.mp4"
    ]


def test_the_webhook_tells_of_a_lost_film_too(
    alice: Membership, vendor: Vendor, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = [vendor.url.removeprefix("http://")]
    film = completed(alice, vendor, urls=["file:///x"], callback_url=f"{vendor.url}/hook")
    kept(film)
    body = json.loads(WebhookDelivery.objects.get().body)
    assert (body["status"], body["output"]["urls"]) == ("completed", [])
    assert body["output"]["film_lost"]
