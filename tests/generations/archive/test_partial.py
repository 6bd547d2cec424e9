"""Downloads that break off: gone on with by ranges, in bounded attempts, and tied to no host."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Membership
from generations.archive.partial import clear_partials, partial_of
from generations.archive.store import film_storage
from generations.models import Film
from tests.support.films import film_bytes
from tests.support.keeping import completed, kept, name_of, path_of, stored_files
from tests.support.races import race
from tests.support.vendor import Exchange, Reply, Vendor, html, say
from tests.support.waiting import until
from tests.support.web import ROOT, database_environment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]

# A box that players skip makes the film as long as a download that is worth going on with.
PADDING = 2_000_000
FILM = film_bytes() + (PADDING + 8).to_bytes(4, "big") + b"free" + bytes(PADDING)
ETAG = '"one"'


@pytest.fixture
def film(alice: Membership, vendor: Vendor) -> Film:
    """A film of two megabytes, still to be kept."""
    return completed(alice, vendor, FILM)


def serving(data: bytes = FILM, *, etag: str = ETAG, most: int | None = None) -> Reply:
    """Return a reply as of a store that knows ranges; it breaks off after `most` bytes."""

    def reply(exchange: Exchange) -> None:
        asked = exchange.call.headers.get("range", "")
        start = 0
        if asked and exchange.call.headers.get("if-range") == etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        headers = {"ETag": etag, "Content-Length": str(len(data) - start)}
        if start >= len(data):
            return exchange.send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        end = len(data) if most is None else start + most
        return exchange.send(206 if start else 200, data[start:end], headers)

    return reply


def ranges(vendor: Vendor, film: Film) -> list[str | None]:
    """Return the ranges that were asked for, oldest first."""
    return [call.headers.get("range") for call in vendor.calls_to(path_of(film))]


def is_whole(film: Film, data: bytes = FILM) -> bool:
    """Return whether the film is kept, byte for byte."""
    assert (film.state, film.problem) == (Film.State.KEPT, "")
    digest = hashlib.sha256(data).hexdigest()
    stored = film_storage().open(film.file_name).read()
    return (film.size, film.sha256) == (len(data), digest) and stored == data


def test_p39_a_dropped_connection_is_gone_on_with_at_once(film: Film, vendor: Vendor) -> None:
    vendor.next(path_of(film), serving(most=700_000), serving(most=1_000_000))
    vendor.always(path_of(film), serving())
    assert is_whole(kept(film))
    assert ranges(vendor, film) == [None, "bytes=700000-", "bytes=1700000-"]
    assert film.attempts == 1
    assert not list(Path(site_settings.PARTIAL_DIR).glob(str(film.pk)))


def test_p39_the_next_attempt_goes_on_from_the_last(film: Film, vendor: Vendor) -> None:
    vendor.next(path_of(film), serving(most=700_000), html(503))
    vendor.always(path_of(film), serving())
    kept(film)
    assert (film.state, film.failures) == (Film.State.PENDING, 0)
    assert is_whole(kept(film))
    assert ranges(vendor, film) == [None, "bytes=700000-", "bytes=700000-"]
    if_range = [call.headers.get("if-range") for call in vendor.calls_to(path_of(film))]
    assert if_range == [None, ETAG, ETAG]


def test_p39_progress_takes_back_off_away(film: Film, vendor: Vendor) -> None:
    vendor.always(path_of(film), html(503))
    kept(film, times=6)
    assert film.failures == 6
    vendor.next(path_of(film), serving(most=700_000), html(503))
    before = timezone.now()
    kept(film)
    assert film.failures == 0
    assert film.next_attempt_at is not None
    assert film.next_attempt_at - before < timedelta(seconds=30)


def test_p39_a_trickle_is_no_progress(film: Film, vendor: Vendor) -> None:
    vendor.always(path_of(film), html(503))
    vendor.next(path_of(film), serving(most=1000), html(503))
    assert kept(film).failures == 1


def test_p39_a_file_that_changed_midway_starts_anew(film: Film, vendor: Vendor) -> None:
    other = film_bytes(frames=95) + FILM[len(film_bytes()) :]
    vendor.next(path_of(film), serving(most=700_000))
    vendor.always(path_of(film), serving(other, etag='"two"'))
    assert is_whole(kept(film), other)
    assert ranges(vendor, film) == [None, "bytes=700000-"]


def test_p39_a_server_that_ignores_ranges_is_read_whole(film: Film, vendor: Vendor) -> None:
    whole = say(200, FILM, ETag=ETAG)
    vendor.next(path_of(film), serving(most=700_000), whole)
    assert is_whole(kept(film))


def wrong_part(exchange: Exchange) -> None:
    """Answer with another part than the one asked for."""
    exchange.send(206, FILM[5:], {"ETag": ETAG, "Content-Range": f"bytes 5-{len(FILM) - 1}/*"})


@pytest.mark.parametrize(
    "reply",
    [
        say(416, b"", Content_Range=f"bytes */{len(FILM)}"),
        say(206, FILM[700_000:]),
        say(206, FILM[700_000:], Content_Range="bytes 1-2/nonsense"),
        wrong_part,
    ],
    ids=["416", "no-range", "nonsense", "another-part"],
)
def test_p39_an_answer_that_is_not_the_rest_is_not_believed(
    film: Film, vendor: Vendor, reply: Reply
) -> None:
    vendor.next(path_of(film), serving(most=700_000), reply)
    vendor.always(path_of(film), serving())
    assert is_whole(kept(film))
    assert ranges(vendor, film)[-1] is None


def test_p39_without_a_validator_nothing_is_glued_together(film: Film, vendor: Vendor) -> None:
    def cut(exchange: Exchange) -> None:
        exchange.send(200, FILM[:700_000], {"Content-Length": str(len(FILM))})

    vendor.next(path_of(film), cut)
    assert kept(film).failures == 1
    assert is_whole(kept(film))
    assert ranges(vendor, film) == [None, None]


def test_p39_a_date_serves_as_validator_when_it_is_old_enough(film: Film, vendor: Vendor) -> None:
    modified = formatdate(timezone.now().timestamp() - 3600, usegmt=True)

    def cut(exchange: Exchange) -> None:
        names = {"Content-Length": str(len(FILM)), "Last-Modified": modified}
        exchange.send(200, FILM[:700_000], names)

    vendor.next(path_of(film), cut)
    vendor.always(path_of(film), serving(etag=modified))
    kept(film)
    assert ranges(vendor, film) == [None, "bytes=700000-"]
    [_, second] = vendor.calls_to(path_of(film))
    assert second.headers["if-range"] == modified


def test_p39_an_attempt_hands_back_what_it_has_when_its_time_is_over(
    film: Film, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = vendor.gate()

    def slow(exchange: Exchange) -> None:
        exchange.send_raw(b"HTTP/1.1 200 OK\r\nETag: " + ETAG.encode() + b"\r\nContent-Length: ")
        exchange.send_raw(str(len(FILM)).encode() + b"\r\n\r\n" + FILM[:700_000])
        gate.before(lambda late: late.close())(exchange)

    vendor.next(path_of(film), slow)
    vendor.always(path_of(film), serving())
    with monkeypatch.context() as impatient:
        impatient.setattr("generations.archive.fetch.FETCH_SECONDS", 1.5)
        kept(film)
    assert (film.state, film.failures) == (Film.State.PENDING, 0)
    assert is_whole(kept(film))
    assert ranges(vendor, film) == [None, "bytes=700000-"]


def test_p39_another_host_starts_anew(
    film: Film, vendor: Vendor, settings: Settings, tmp_path: Path
) -> None:
    vendor.next(path_of(film), serving(most=700_000), html(503))
    vendor.always(path_of(film), serving())
    kept(film)
    settings.PARTIAL_DIR = tmp_path / "elsewhere"
    assert is_whole(kept(film))
    assert ranges(vendor, film) == [None, "bytes=700000-", None]


def test_p39_a_fresh_link_to_the_same_file_goes_on_and_to_another_starts_anew(
    film: Film, vendor: Vendor
) -> None:
    path, link = path_of(film), film.source_url
    vendor.next(path, serving(most=700_000), html(503))
    kept(film)
    Film.objects.filter(pk=film.pk).update(source_url=f"{link}?signature=2")
    vendor.next(f"{path}?signature=2", serving(most=700_000), html(503))
    kept(film)
    vendor.files["/elsewhere.mp4"] = FILM
    Film.objects.filter(pk=film.pk).update(source_url=f"{vendor.url}/elsewhere.mp4")
    assert is_whole(kept(film))
    asked = [(call.path, call.headers.get("range")) for call in vendor.calls if "mp4" in call.path]
    assert asked == [
        (path, None),
        (path, "bytes=700000-"),
        (f"{path}?signature=2", "bytes=700000-"),
        (f"{path}?signature=2", "bytes=1400000-"),
        ("/elsewhere.mp4", None),
    ]


@pytest.mark.parametrize("damage", ["bytes", "note"])
def test_p39_what_the_disk_damaged_is_fetched_anew(film: Film, vendor: Vendor, damage: str) -> None:
    vendor.always(path_of(film), serving())
    with unwritable_films():
        assert kept(film).state == Film.State.PENDING
    folder = Path(site_settings.PARTIAL_DIR) / str(film.pk)
    if damage == "bytes":
        with (folder / "film.mp4").open("r+b") as file:
            file.seek(1000)
            file.write(b"?")
    else:
        (folder / "note.json").write_text('{"half": ')
    assert is_whole(kept(film))
    assert ranges(vendor, film) == [None, None]


@contextmanager
def unwritable_films() -> Iterator[None]:
    """Let the folder of films be none: its disk is away."""
    root = Path(site_settings.FILMS_DIR)
    aside = root.with_name("films-aside")
    root.mkdir(parents=True, exist_ok=True)
    root.rename(aside)
    root.write_text("no folder")
    try:
        yield
    finally:
        root.unlink()
        aside.rename(root)


def test_p39_a_store_that_fails_costs_no_download(film: Film, vendor: Vendor) -> None:
    with unwritable_films():
        kept(film, times=2)
        assert (film.state, film.failures) == (Film.State.PENDING, 2)
        assert "could not be stored" in film.problem
    assert is_whole(kept(film))
    assert ranges(vendor, film) == [None]


def test_p39_a_disk_that_takes_no_download_is_waited_for(
    film: Film, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "full").write_text("no folder")
    settings.PARTIAL_DIR = tmp_path / "full" / "partial"
    assert kept(film).failures == 1
    settings.PARTIAL_DIR = tmp_path / "partial"
    assert is_whole(kept(film))


@pytest.mark.parametrize("ending", [".jpg", "-last.jpg"])
def test_p39_a_picture_that_is_not_stored_loses_no_film(film: Film, ending: str) -> None:
    in_the_way = Path(site_settings.FILMS_DIR) / name_of(film, ending, FILM)
    (in_the_way / "folder").mkdir(parents=True)
    assert is_whole(kept(film))
    assert [film.poster_name, film.last_frame_name].count("") == 1


def test_p39_a_film_that_does_not_play_is_fetched_whole_again(film: Film, vendor: Vendor) -> None:
    broken = FILM[:5000] + bytes(len(FILM) - 5000)
    vendor.next(path_of(film), serving(broken))
    vendor.always(path_of(film), serving())
    kept(film)
    assert film.state == Film.State.PENDING
    assert is_whole(kept(film))
    assert ranges(vendor, film) == [None, None]


@pytest.mark.django_db(transaction=True)
def test_p39_a_killed_workers_half_is_gone_on_with(film: Film, vendor: Vendor) -> None:
    gate = vendor.gate()

    def slow(exchange: Exchange) -> None:
        exchange.send_raw(b"HTTP/1.1 200 OK\r\nETag: " + ETAG.encode() + b"\r\nContent-Length: ")
        exchange.send_raw(str(len(FILM)).encode() + b"\r\n\r\n" + FILM[:700_000])
        gate.before(lambda late: late.close())(exchange)

    vendor.next(path_of(film), slow)
    vendor.always(path_of(film), serving())
    worker = keeping_process(film, vendor)
    gate.wait(60)
    half = Path(site_settings.PARTIAL_DIR) / str(film.pk) / "film.mp4"
    until(lambda: half.exists() and half.stat().st_size > 300_000)
    worker.send_signal(signal.SIGKILL)
    worker.wait(30)
    size = half.stat().st_size
    Film.objects.update(claimed_until=timezone.now())
    assert is_whole(kept(film))
    assert ranges(vendor, film) == [None, f"bytes={size}-"]


@pytest.mark.django_db(transaction=True)
def test_p39_a_worker_that_lost_its_claim_is_not_written_over(film: Film, vendor: Vendor) -> None:
    vendor.always(path_of(film), serving())
    with partial_of(film.pk, link=film.source_url) as frozen:
        frozen.begin(ETAG)
        frozen.film.write_bytes(FILM[:1000])

        def work(_number: int) -> Any:
            return kept(film).state

        assert race(1, work) == [Film.State.KEPT]
    film.refresh_from_db()
    assert is_whole(film)


def keeping_process(film: Film, vendor: Vendor) -> "subprocess.Popen[bytes]":
    """Start a process that keeps the film, as a worker would."""
    code = (
        "import django, sys, uuid; django.setup(); "
        "from generations.archive.keep import keep_film; keep_film(uuid.UUID(sys.argv[1]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(film.pk)],
        cwd=ROOT,
        env={**os.environ, **database_environment(), "SANDBOX_URL": vendor.url},
    )


def test_halves_of_films_that_nobody_keeps_any_more_are_cleared(
    film: Film, vendor: Vendor, settings: Settings, tmp_path: Path
) -> None:
    settings.PARTIAL_DIR = tmp_path / "partial"
    vendor.next(path_of(film), serving(most=700_000), html(503))
    kept(film)
    root = Path(site_settings.PARTIAL_DIR)
    (root / "stranger").mkdir()
    assert clear_partials(now=timezone.now()) == 1
    assert [path.name for path in root.iterdir()] == [str(film.pk)]
    with partial_of(film.pk, link=film.source_url):
        assert clear_partials(now=timezone.now() + timedelta(days=5)) == 0
    Film.objects.update(state=Film.State.GIVEN_UP)
    assert clear_partials(now=timezone.now()) == 1
    assert list(root.iterdir()) == []


def test_a_folder_of_films_holds_nothing_half(film: Film, vendor: Vendor) -> None:
    vendor.always(path_of(film), serving())
    kept(film)
    names = [name for name in stored_files() if film.pk.hex in name]
    assert len(names) == 3
    assert not any("/." in name for name in stored_files())
