"""Players can seek in local films: RFC 9110 ranges and conditions."""

import io
from collections.abc import Iterable
from typing import Any, cast

import pytest
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from platform_site.http.ranges import CHUNK_BYTES, ranged_file_response

FILM = bytes(range(256)) * 4
ETAG = '"abc"'
A_DATE = "Fri, 02 Jan 2026 03:04:05 GMT"


def answer(
    film: io.BytesIO | None = None,
    method: str = "GET",
    size: int = len(FILM),
    download_as: str | None = None,
    **headers: Any,
) -> HttpResponseBase:
    request = RequestFactory().generic(method, "/film", headers=headers)
    return ranged_file_response(
        request,
        io.BytesIO(FILM) if film is None else film,
        size=size,
        content_type="video/mp4",
        etag="abc",
        download_as=download_as,
    )


def body(response: HttpResponseBase) -> bytes:
    if isinstance(response, StreamingHttpResponse):
        return b"".join(cast("Iterable[bytes]", response.streaming_content))
    return cast("bytes", getattr(response, "content"))  # noqa: B009


def test_without_a_range_the_whole_film_comes() -> None:
    response = answer()

    assert response.status_code == 200
    assert body(response) == FILM
    assert response["Content-Length"] == "1024"
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Type"] == "video/mp4"
    assert response["ETag"] == ETAG
    assert "Last-Modified" not in response
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    assert "Content-Disposition" not in response
    assert "Content-Range" not in response


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-", 0, 1023),
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        ("bytes=1000-5000", 1000, 1023),
        ("bytes=1023-", 1023, 1023),
        ("bytes=-500", 524, 1023),
        ("bytes=-1", 1023, 1023),
        ("bytes=-99999", 0, 1023),
        (f"bytes=5-{'9' * 5000}", 5, 1023),
        ("Bytes=5-6", 5, 6),
        ("bytes= 5-6 ", 5, 6),
    ],
)
def test_one_range_gets_that_part(wanted: str, start: int, end: int) -> None:
    response = answer(range=wanted)

    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {start}-{end}/1024"
    assert response["Content-Length"] == str(end - start + 1)
    assert body(response) == FILM[start : end + 1]


@pytest.mark.parametrize(
    "wanted", ["bytes=1024-", "bytes=5000-6000", "bytes=-0", f"bytes={'9' * 5000}-"]
)
def test_a_range_outside_the_film_is_416_with_its_size(wanted: str) -> None:
    film = io.BytesIO(FILM)

    response = answer(film, range=wanted)

    assert response.status_code == 416
    assert response["Content-Range"] == "bytes */1024"
    assert film.closed


def test_an_empty_film_has_no_range_to_give() -> None:
    assert answer(io.BytesIO(), size=0, range="bytes=0-").status_code == 416
    assert answer(io.BytesIO(), size=0, range="bytes=-5").status_code == 416
    assert body(answer(io.BytesIO(), size=0)) == b""


@pytest.mark.parametrize(
    "wanted",
    [
        "bytes=0-1,5-6",
        "bytes=5-1",
        "bytes=-",
        "bytes=",
        "bytes",
        "seconds=0-1",
        "bytes=a-b",
        "bytes=0-1;5",
        "bytes=--5",
        "bytes=٣-٤",
        "0-5",
    ],
)
def test_several_or_malformed_ranges_get_the_whole(wanted: str) -> None:
    response = answer(range=wanted)

    assert response.status_code == 200
    assert body(response) == FILM


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (ETAG, 206),
        ('"other"', 200),
        (f"W/{ETAG}", 200),
        (A_DATE, 200),
        ("nonsense", 200),
    ],
)
def test_if_range_decides_between_the_part_and_the_whole(condition: str, status: int) -> None:
    assert answer(range="bytes=0-9", if_range=condition).status_code == status


@pytest.mark.parametrize("tags", [ETAG, f"W/{ETAG}", f'"x", {ETAG}', "*"])
def test_a_film_that_is_known_already_is_304_without_a_body(tags: str) -> None:
    film = io.BytesIO(FILM)

    response = answer(film, if_none_match=tags, range="bytes=0-9")

    assert response.status_code == 304
    assert body(response) == b""
    assert response["ETag"] == ETAG
    assert response["Cache-Control"].startswith("private")
    assert film.closed


def test_if_match_is_honoured_too() -> None:
    assert answer(if_match='"x"').status_code == 412
    assert answer(if_match=ETAG).status_code == 200


def test_head_gets_the_headers_of_the_whole_and_no_body() -> None:
    film = io.BytesIO(FILM)

    response = answer(film, "HEAD", range="bytes=0-9")

    assert response.status_code == 200
    assert response["Content-Length"] == "1024"
    assert body(response) == b""
    assert film.closed


def test_a_range_is_streamed_in_chunks() -> None:
    film = io.BytesIO(b"x" * (CHUNK_BYTES * 2 + 5))

    response = answer(film, size=CHUNK_BYTES * 2 + 5, range="bytes=1-")

    assert isinstance(response, StreamingHttpResponse)
    chunks = list(cast("Iterable[bytes]", response.streaming_content))
    assert [len(chunk) for chunk in chunks] == [CHUNK_BYTES, CHUNK_BYTES, 4]


@pytest.mark.django_db  # the end of a response looks at the connections that the process has
def test_the_file_is_closed_when_the_client_leaves_early() -> None:
    film = io.BytesIO(FILM)
    response = answer(film)
    assert isinstance(response, StreamingHttpResponse)
    next(iter(cast("Iterable[bytes]", response.streaming_content)))

    response.close()

    assert film.closed


def test_a_file_shorter_than_its_record_breaks_the_answer_off() -> None:
    with pytest.raises(OSError, match="24 bytes shorter"):
        body(answer(io.BytesIO(FILM[:1000])))


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Straße.mp4", "attachment; filename*=utf-8''Stra%C3%9Fe.mp4"),
        ("film.mp4", 'attachment; filename="film.mp4"'),
    ],
)
def test_a_film_may_be_saved_under_a_name(name: str, sent: str) -> None:
    response = answer(download_as=name)
    assert response["Content-Disposition"] == sent


def test_a_name_breaks_no_header() -> None:
    sent = answer(download_as='a"b\r\n.mp4')["Content-Disposition"]
    assert sent.startswith("attachment; ")
    assert "\n" not in sent
