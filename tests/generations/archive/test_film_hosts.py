"""A film's host that says what no header, column or clock was made for: each attempt counts (F17).

A film is kept once the host speaks plainly, or is lost with its link; none is tried forever.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from generations.archive.inspect import FilmFacts
from generations.models import Film, GenerationEvent
from tests.support.films import film_bytes
from tests.support.keeping import kept, path_of
from tests.support.steps import Trap
from tests.support.vendor import Exchange, Reply, Vendor

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.both_databases,
    pytest.mark.usefixtures("provider_key"),
]

DATE = "Date: Sat, 28 Nov 2026 12:00:00 GMT"


def half(*headers: str) -> Reply:
    """Return an answer with these headers that breaks off in the middle of the film."""
    data = film_bytes()

    def send(exchange: Exchange) -> None:
        lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(data)}", *headers, "", ""]
        exchange.send_raw("\r\n".join(lines).encode("latin-1") + data[: len(data) // 2])
        exchange.close()

    return send


def raw(head: bytes) -> Reply:
    """Return an answer of these bytes and no more."""

    def send(exchange: Exchange) -> None:
        exchange.send_raw(head + b"\r\n\r\n<html>")
        exchange.close()

    return send


@pytest.mark.parametrize(
    "headers",
    [
        (DATE, f"Last-Modified: Sat, 28 Nov {'9' * 30} 11:00:00 GMT"),
        (DATE, "Last-Modified: Sat, 28 Nov 2026 11:00:00 +99999999999999999999"),
        (DATE, "Last-Modified: Fri, 27 Nov 2026 11:00:00 GMT \xe9"),
        (DATE, f"Last-Modified: Fri, 27 Nov 2026 11:00:00 GMT ({'x' * 9000})"),
        (f"Date: Sat, 28 Nov {'9' * 30} 11:00:00 GMT", "Last-Modified: Fri, 27 Nov 2026 11:00:00"),
        (f'ETag: "{"x" * 60_000}"',),
        ('ETag: "\xe9"',),
        ('ETag: "a\tb"',),
        (
            f"Content-Type: video/mp4; name={'x' * 50_000}",
            "Content-Disposition: \xff;filename=\xfe",
        ),
    ],
    ids=lambda headers: ascii(headers[-1])[1:40],
)
def test_f17_no_header_of_a_download_that_breaks_off_keeps_it_from_going_on(
    film: Film, vendor: Vendor, headers: tuple[str, ...]
) -> None:
    vendor.next(path_of(film), half(*headers))
    kept(film)
    assert (film.state, film.attempts) == (Film.State.PENDING, 1)
    assert film.problem.startswith("The connection ended after")
    assert film.claimed_until is None
    assert kept(film).state == Film.State.KEPT
    assert "if-range" not in vendor.calls_to(path_of(film))[-1].headers


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1",
        b"HTTP/1.1 200 OK\r\nX: \0",
        b"HTTP/1.1 206 OK\r\nContent-Range: bytes 0-1/" + b"9" * 5000,
        b"HTTP/1.1 503 " + b"x" * 50_000 + b"\r\nRetry-After: " + b"9" * 5000,
        b"HTTP/1.1 500 \xff\xfe\x1b[2J",
        b"HTTP/1.1 302 \r\nLocation: /\xff" + b"x" * 50_000,
        b"HTTP/1.1 302 \r\nLocation: http://[",
        b"HTTP/9.9 999 \r\nX: " + b"\xff" * 500_000,
        b"\0\r\nsecret\0",
    ],
    ids=lambda head: ascii(head)[2:60],
)
def test_f17_no_head_of_an_answer_keeps_an_attempt_from_counting(
    film: Film, vendor: Vendor, head: bytes
) -> None:
    vendor.always(path_of(film), raw(head))
    kept(film)
    assert film.state in {Film.State.PENDING, Film.State.GIVEN_UP}
    assert 0 < len(film.problem) <= 300
    assert film.problem.isprintable()
    Film.objects.filter(state=Film.State.PENDING).update(
        link_expires_at=timezone.now(), created_at=timezone.now() - timedelta(days=4)
    )
    film.refresh_from_db()
    assert film.state == Film.State.GIVEN_UP or kept(film).state == Film.State.GIVEN_UP
    [event] = GenerationEvent.objects.filter(generation=film.pk, kind="film_lost")
    assert event.message == film.problem


def test_f17_whatever_breaks_while_a_film_is_kept_counts_and_ends_with_its_link(
    film: Film, vendor: Vendor
) -> None:
    with Trap("generations_film", "UPDATE", "NEW.state = 'kept'"):
        kept(film)
        assert (film.state, film.failures, film.claimed_until) == (Film.State.PENDING, 1, None)
        assert film.problem.startswith("Something went wrong while it was saved")
        Film.objects.update(
            link_expires_at=timezone.now(), created_at=timezone.now() - timedelta(days=4)
        )
        assert kept(film).state == Film.State.GIVEN_UP


@pytest.mark.parametrize("seconds", [-5.0, 1e12, float("nan"), float("inf"), float("-inf")])
def test_f17_a_length_that_no_film_has_is_unknown(seconds: float) -> None:
    facts = FilmFacts(width=864, height=496, frames=96, seconds=seconds, has_audio=False)
    assert facts.duration_ms == 0
