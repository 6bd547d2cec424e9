"""The links of a kept film: without a key, unguessable, with Range for players that seek."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import Film, ProviderKey
from tests.factories import make_generation
from tests.support.api import Api

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(250)) * 4  # what the factory keeps
ORIGIN = "http://dailies.test"


@pytest.fixture
def path(api: Api, alice: Membership) -> str:
    """The path of the link in a completed task."""
    generation = make_generation(alice, State.COMPLETED)
    url: str = api.task(generation.pk).json()["output"]["urls"][0]
    assert url.startswith(ORIGIN)
    return url.removeprefix(ORIGIN)


def get(path: str, **headers: str) -> Any:
    """GET without any key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client().get(path, headers=named)


def test_the_link_plays_without_a_key(path: str) -> None:
    reply = get(path)
    assert reply.status_code == 200
    assert reply["Content-Type"] == "video/mp4"
    assert reply["Accept-Ranges"] == "bytes"
    assert reply["Content-Length"] == "1000"
    assert "private" in reply["Cache-Control"]
    assert reply.getvalue() == CONTENT


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-", 0, 999),
        ("bytes=0-0", 0, 0),
        ("bytes=0-1", 0, 1),
        ("bytes=100-199", 100, 199),
        ("bytes=999-", 999, 999),
        ("bytes=-1", 999, 999),
        ("bytes=-5000", 0, 999),
        ("bytes=500-5000", 500, 999),
    ],
)
def test_a_range_gets_that_part(path: str, asked: str, start: int, end: int) -> None:
    reply = get(path, Range=asked)
    assert reply.status_code == 206
    assert reply["Content-Range"] == f"bytes {start}-{end}/1000"
    assert reply["Content-Length"] == str(end - start + 1)
    assert reply.getvalue() == CONTENT[start : end + 1]


@pytest.mark.parametrize("asked", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_outside_the_film_is_refused_with_its_length(path: str, asked: str) -> None:
    reply = get(path, Range=asked)
    assert reply.status_code == 416
    assert reply["Content-Range"] == "bytes */1000"


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=a-b", "seconds=1-2", "bytes=0-1,5-6", ""])
def test_what_is_no_single_range_gets_the_whole(path: str, asked: str) -> None:
    reply = get(path, Range=asked)
    assert (reply.status_code, reply.getvalue()) == (200, CONTENT)


def test_a_player_that_has_it_already_is_told_so(path: str) -> None:
    etag = get(path)["ETag"]
    assert get(path, If_None_Match=etag).status_code == 304
    assert get(path, If_None_Match='"other"').status_code == 200
    assert get(path, Range="bytes=0-9", If_Range=etag).status_code == 206
    assert get(path, Range="bytes=0-9", If_Range='"other"').status_code == 200


def test_head_says_how_long_it_is(path: str) -> None:
    reply = Client().head(path)
    assert (reply.status_code, reply["Content-Length"], reply.content) == (200, "1000", b"")


def test_download_offers_to_save_it(path: str) -> None:
    assert "Content-Disposition" not in get(path)
    assert get(f"{path}?download")["Content-Disposition"].startswith("attachment; filename=")


def test_poster_and_last_frame_are_beside_it(path: str) -> None:
    for ending in (".jpg", "-last.jpg"):
        reply = get(path.replace(".mp4", ending))
        assert (reply.status_code, reply["Content-Type"]) == (200, "image/jpeg")
        assert reply.getvalue()[:3] == b"\xff\xd8\xff"


def test_each_film_has_a_link_of_its_own_that_nobody_guesses(
    alice: Membership, provider_key: ProviderKey
) -> None:
    for _ in range(3):
        make_generation(alice, State.COMPLETED)
    tokens = set(Film.objects.values_list("token", flat=True))
    assert len(tokens) == 3
    assert all(len(token) >= 43 for token in tokens)


@pytest.mark.parametrize("token", ["x", "..%2f..%2fsecrets", "A" * 43, "%00"])
def test_p32_a_guess_finds_nothing(path: str, token: str) -> None:
    assert get(f"/films/{token}.mp4").status_code == 404


def test_a_film_that_is_not_kept_yet_has_no_link(alice: Membership, api: Api) -> None:
    make_generation(alice, State.COMPLETED, film=False)
    assert get(f"/films/{Film.objects.get().token}.mp4").status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_film_can_only_be_read(path: str, method: str) -> None:
    assert getattr(Client(), method)(path).status_code == 405
