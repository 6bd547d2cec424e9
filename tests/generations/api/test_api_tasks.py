"""`GET /v1/tasks/{id}`."""

import uuid
from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import Film, Generation, ProviderKey, VideoModel
from tests.factories import make_api_key, make_generation, make_member
from tests.support.api import MODEL, Api

pytestmark = pytest.mark.django_db

CREATED = datetime(2026, 3, 29, 12, 17, 7, tzinfo=UTC)
SECONDS = int(CREATED.timestamp())


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State.QUEUED, "pending"),
        (State.SUBMITTING, "pending"),
        (State.PROCESSING, "processing"),
        (State.NEEDS_REVIEW, "processing"),
    ],
)
def test_p38_a_task_under_way_has_the_vendors_word_and_no_invented_progress(
    api: Api, alice: Membership, state: State, word: str
) -> None:
    generation = make_generation(alice, state, now=CREATED)
    reply = api.task(generation.pk)
    assert reply.status_code == 200
    assert reply.json() == {
        "id": str(generation.pk),
        "status": word,
        "model": MODEL,
        "created_at": SECONDS,
        "progress": None,
    }


def test_a_task_that_awaits_approval_is_pending(api: Api, alice: Membership) -> None:
    generation = make_generation(alice)
    Generation.objects.update(state=State.AWAITING_APPROVAL)
    assert api.task(generation.pk).json()["status"] == "pending"


def test_a_completed_task_is_the_vendors_with_our_link(
    api: Api, alice: Membership, settings: object
) -> None:
    generation = make_generation(alice, State.COMPLETED, now=CREATED)
    film = Film.objects.get()
    assert api.task(generation.pk).json() == {
        "id": str(generation.pk),
        "status": "completed",
        "model": MODEL,
        "created_at": SECONDS,
        "completed_at": SECONDS,
        "output": {
            "urls": [f"http://dailies.test/films/{film.token}.mp4"],
            "metadata": {
                "seed": 41485,
                "ratio": "16:9",
                "duration": 5,
                "resolution": "720p",
                "generate_audio": True,
                "framespersecond": 24,
            },
        },
    }


def test_what_the_vendor_says_about_its_film_goes_before_what_was_ordered(
    api: Api, alice: Membership
) -> None:
    generation = make_generation(alice, State.COMPLETED)
    Generation.objects.update(
        upstream_metadata={"seed": 7, "ratio": "4:3", "framespersecond": 25, "secret": "x"}
    )
    metadata = api.task(generation.pk).json()["output"]["metadata"]
    assert (metadata["seed"], metadata["ratio"], metadata["framespersecond"]) == (7, "4:3", 25)
    assert "secret" not in metadata


def test_a_frame_rate_that_the_vendor_left_out_is_the_models(api: Api, alice: Membership) -> None:
    generation = make_generation(alice, State.COMPLETED)
    VideoModel.objects.update(frames_per_second=30)
    assert api.task(generation.pk).json()["output"]["metadata"]["framespersecond"] == 30
    VideoModel.objects.all().delete()
    assert "framespersecond" not in api.task(generation.pk).json()["output"]["metadata"]


def test_p39_until_the_film_is_kept_a_completed_task_is_processing(
    api: Api, alice: Membership
) -> None:
    generation = make_generation(alice, State.COMPLETED, film=False)
    assert api.task(generation.pk).json()["status"] == "processing"
    assert "output" not in api.task(generation.pk).json()


def test_p29_a_film_that_was_lost_is_completed_without_a_link_and_flagged(
    api: Api, alice: Membership
) -> None:
    generation = make_generation(alice, State.COMPLETED, film=False, now=CREATED)
    Film.objects.update(state=Film.State.GIVEN_UP, problem="The vendor gave no link.")
    task = api.task(generation.pk).json()
    assert task["status"] == "completed"
    assert task["completed_at"] == SECONDS
    assert task["output"]["urls"] == []
    assert task["output"]["film_lost"] == "The vendor gave no link."


@pytest.mark.parametrize(
    ("state", "code", "message"),
    [
        (State.FAILED, "upstream_error", "The vendor said no."),
        (State.CANCELLED, "cancelled", "Cancelled."),
    ],
)
def test_a_failed_task_says_why_and_has_no_type(
    api: Api, alice: Membership, state: State, code: str, message: str
) -> None:
    generation = make_generation(alice, state, now=CREATED)
    assert api.task(generation.pk).json() == {
        "id": str(generation.pk),
        "status": "failed",
        "model": MODEL,
        "created_at": SECONDS,
        "error": {"code": code, "message": message},
    }


def test_p32_a_strangers_task_and_no_task_read_alike(
    api: Api, stranger_api: Api, charlie: Membership
) -> None:
    theirs = make_generation(charlie, State.COMPLETED)
    assert stranger_api.task(theirs.pk).status_code == 200
    replies = [api.task(theirs.pk), api.task(uuid.uuid4()), api.task("x")]
    assert {reply.status_code for reply in replies} == {404}
    words = '"code":"task_not_found","message":"Task ID does not exist."'
    body = f'{{"error":{{{words},"type":"invalid_request_error"}}}}'
    assert {reply.content for reply in replies} == {body.encode()}
    headers = [{k: v for k, v in reply.items() if k != "X-Request-ID"} for reply in replies]
    assert headers == [headers[0]] * len(replies)


@pytest.mark.parametrize("role", ["owner", "manager", "member", "viewer"])
def test_a_key_sees_its_whole_teams_tasks(
    alice: Membership, provider_key: ProviderKey, role: str
) -> None:
    generation = make_generation(alice)
    colleague = make_member(alice.team, role)
    assert Api(make_api_key(colleague).text).task(generation.pk).status_code == 200


def test_looking_twice_shows_the_same_and_changes_nothing(api: Api, alice: Membership) -> None:
    generation = make_generation(alice, State.COMPLETED)
    before = Generation.objects.values().get()
    assert api.task(generation.pk).content == api.task(generation.pk).content
    assert Generation.objects.values().get() == before


def test_an_id_in_capitals_or_without_dashes_is_the_same_task(api: Api, alice: Membership) -> None:
    generation = make_generation(alice)
    for spelling in (str(generation.pk).upper(), generation.pk.hex):
        assert api.task(spelling).json()["id"] == str(generation.pk)


def test_a_look_at_a_task_takes_few_queries(
    api: Api, alice: Membership, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    generation = make_generation(alice, State.COMPLETED)
    api.task(generation.pk)  # notes when the key was last used
    # The fourth is for the model's frame rate, which this vendor did not report.
    with django_assert_max_num_queries(4):
        api.task(generation.pk)
