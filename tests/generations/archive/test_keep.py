"""Keeping: a film is fetched, checked and stored before its link dies, or loudly lost (P39)."""

import hashlib
import json
import struct
import subprocess
import sys
import zlib
from datetime import timedelta
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import pytest
from django.conf import settings as site_settings
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from accounts.models import Membership, WebhookDelivery
from billing.models import Transfer
from generations.archive.alarms import raise_alarms
from generations.archive.inspect import UnplayableFilm, inspect_film
from generations.archive.keep import GONE_TIMES, keep_film
from generations.archive.store import film_storage
from generations.lifecycle import State
from generations.models import Film, Generation
from generations.ops.sweep import enqueue_due_steps
from generations.reports.audit import audit
from generations.task_object import task_object
from tests.support.films import film_bytes
from tests.support.keeping import completed, kept, path_of, stored_files
from tests.support.races import race
from tests.support.steps import Trap, run_queue
from tests.support.vendor import TASKS, Exchange, Reply, Vendor, drop, html, reset, say

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


@pytest.fixture
def film(alice: Membership, vendor: Vendor) -> Film:
    """A completed generation's film, still to be kept; the vendor has the right file."""
    return completed(alice, vendor, film_bytes())


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
    assert list(audit()) == []


def stored_files_of(film: Film) -> list[str]:
    return [name for name in stored_files() if film.pk.hex in name]


def test_p39_tries_grow_rarer(film: Film, vendor: Vendor) -> None:
    vendor.always(path_of(film), html(503))
    waits = []
    for _ in range(12):
        before = timezone.now()
        kept(film)
        assert film.next_attempt_at is not None
        waits.append(round((film.next_attempt_at - before).total_seconds()))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]


def test_f15_only_dead_links_count_as_such_whatever_the_film_is_said_to_lack(
    film: Film, vendor: Vendor
) -> None:
    vendor.always(path_of(film), html(500))
    kept(film, times=GONE_TIMES)
    Film.objects.filter(pk=film.pk).update(problem="The vendor's link is dead.")
    vendor.always(path_of(film), html(404))
    for _ in range(GONE_TIMES - 1):
        kept(film)
        assert (film.state, film.link_died) == (Film.State.PENDING, True)
        Film.objects.filter(pk=film.pk).update(problem="In other words.")
    assert kept(film).state == Film.State.GIVEN_UP


@pytest.mark.parametrize("status", [403, 404, 410])
def test_p39_a_dead_link_is_asked_for_anew_and_in_the_end_the_film_is_lost(
    film: Film, vendor: Vendor, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.always(path_of(film), html(status))
    looks = len(vendor.looks_at(vendor.only_task))
    kept(film, times=GONE_TIMES - 1)
    assert film.state == Film.State.PENDING
    assert len(vendor.looks_at(vendor.only_task)) == looks + GONE_TIMES - 1
    kept(film)
    assert (film.state, film.next_attempt_at) == (Film.State.GIVEN_UP, None)
    assert "film_lost" in events_of(caplog)
    task = task_object(Generation.objects.get(pk=film.pk))
    assert (task["status"], task["output"]["urls"]) == ("completed", [])
    assert task["output"]["film_lost"] == film.problem
    assert Client().get(f"/films/{film.token}.mp4").status_code == 404


def events_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    records: list[Any] = [record.msg for record in caplog.records]
    return [message["event"] for message in records if isinstance(message, dict)]


def test_p39_a_fresh_link_saves_the_film(film: Film, vendor: Vendor) -> None:
    vendor.always(path_of(film), html(403))
    vendor.finish(vendor.only_task, film_bytes())
    kept(film)
    assert film.state == Film.State.PENDING
    kept(film)
    assert film.state == Film.State.KEPT


@pytest.mark.parametrize("reply", [html(502), drop, say(200, {"id": "x", "status": "failed"})])
def test_p39_a_dead_link_and_a_vendor_that_makes_no_sense_is_no_crash(
    film: Film, vendor: Vendor, reply: Reply
) -> None:
    vendor.always(path_of(film), html(404))
    vendor.always(f"{TASKS}{vendor.only_task}", reply)
    kept(film, times=GONE_TIMES)
    assert film.state == Film.State.GIVEN_UP


def test_p39_a_film_is_lost_when_its_links_life_has_ended(film: Film, vendor: Vendor) -> None:
    vendor.always(path_of(film), html(500))
    Film.objects.update(link_expires_at=timezone.now())
    kept(film)
    assert film.state == Film.State.GIVEN_UP
    assert "HTTP 500" in film.problem


def test_p39_alarms_sound_at_a_quarter_a_half_and_three_quarters_once_each(
    film: Film, caplog: pytest.LogCaptureFixture
) -> None:
    assert film.link_expires_at is not None
    life = film.link_expires_at - film.created_at
    raised = [
        raise_alarms(now=film.created_at + life * share)
        for share in (0.0, 0.2, 0.25, 0.26, 0.3, 0.5, 0.6, 0.75, 0.76, 0.99)
    ]
    assert raised == [0, 0, 1, 0, 0, 1, 0, 1, 0, 0]
    assert events_of(caplog).count("film_not_kept_yet") == 3
    kept(film)
    assert raise_alarms(now=film.link_expires_at) == 0


def test_p31_a_link_to_a_private_address_is_not_fetched(
    alice: Membership, vendor: Vendor, settings: Settings
) -> None:
    film = completed(alice, vendor, film_bytes())
    # To a real vendor's key this address is as private as any other.
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    settings.RESULT_HOSTS = ["127.0.0.1"]
    kept(film)
    assert film.state == Film.State.GIVEN_UP
    assert vendor.calls_to(path_of(film)) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/film.mp4",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/film.mp4",
        "http://film.example/film.mp4",
        "http://127.0.0.1.example/film.mp4",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://user:pass@127.0.0.1/film.mp4",
        "not a link",
        "http://",
    ],
)
def test_p31_a_link_elsewhere_is_refused_and_not_tried_again(
    alice: Membership, vendor: Vendor, url: str
) -> None:
    film = kept(completed(alice, vendor, urls=[url]))
    assert film.state == Film.State.GIVEN_UP or (film.state, url) == (
        Film.State.PENDING,
        "http://127.0.0.1:1/film.mp4",
    )
    assert stored_files_of(film) == []


@pytest.mark.parametrize("where", ["http://127.0.0.1:9/x", "http://10.0.0.1/x", "//[::1]:80/x"])
def test_p31_a_redirect_to_a_private_address_is_refused(
    film: Film, vendor: Vendor, where: str
) -> None:
    vendor.always(path_of(film), say(302, b"", Location=where))
    kept(film)
    assert film.state != Film.State.KEPT
    assert film.state == Film.State.GIVEN_UP or "ConnectError" in film.problem


def test_p31_a_redirect_within_the_vendor_is_followed(film: Film, vendor: Vendor) -> None:
    vendor.files["/elsewhere.mp4"] = film_bytes()
    vendor.always(path_of(film), say(302, b"", Location="/elsewhere.mp4"))
    assert kept(film).state == Film.State.KEPT


def test_p31_a_real_vendors_film_comes_from_its_own_hosts_only(
    alice: Membership, vendor: Vendor, settings: Settings
) -> None:
    film = completed(alice, vendor, film_bytes())
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    settings.OUTBOUND_ALLOW = [vendor.url.removeprefix("http://")]
    settings.RESULT_HOSTS = ["file.aivideoapi.ai", ".volces.com"]
    kept(film)
    assert film.state == Film.State.GIVEN_UP
    assert "not on the list" in film.problem
    assert vendor.calls_to(path_of(film)) == []


def test_p17_nothing_about_keeping_touches_money(film: Film, vendor: Vendor) -> None:
    before = list(Transfer.objects.order_by("pk").values())
    vendor.always(path_of(film), html(404))
    kept(film, times=GONE_TIMES)
    assert film.state == Film.State.GIVEN_UP
    generation = Generation.objects.get(pk=film.pk)
    assert (generation.state, generation.hold.settled) == (State.COMPLETED, 12)
    assert list(Transfer.objects.order_by("pk").values()) == before
    assert list(audit()) == []


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


# The link to a kept film


def test_a_films_link_plays_without_a_key_and_by_ranges(film: Film) -> None:
    kept(film)
    data, url = film_bytes(), f"/films/{film.token}.mp4"
    whole = Client().get(url)
    assert (whole.status_code, whole.headers["Content-Type"]) == (200, "video/mp4")
    assert b"".join(whole) == data
    part = Client().get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, b"".join(part)) == (206, data[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(data)}"
    beyond = Client().get(url, headers={"Range": f"bytes={len(data)}-"})
    assert beyond.status_code == 416
    head = Client().head(url)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(data)))
    assert Client().post(url).status_code == 405


def test_a_film_can_be_saved_under_a_name(film: Film) -> None:
    kept(film)
    reply = Client().get(f"/films/{film.token}.mp4?download")
    assert reply.headers["Content-Disposition"].startswith("attachment; filename=")


@pytest.mark.both_databases
def test_a_films_link_cannot_be_guessed(film: Film) -> None:
    kept(film)
    assert len(film.token) >= 43
    guesses = [str(film.pk), film.token[:-1], f"{film.token}x", "x" * 43, "a%00b", "..%2F..%2Fx"]
    for guess in guesses:
        for ending in (".mp4", ".jpg", "-last.jpg"):
            assert Client().get(f"/films/{guess}{ending}").status_code == 404
        assert Client().get(f"/uploads/{guess}.jpg").status_code == 404


def test_p32_the_link_of_a_film_that_is_not_kept_is_a_404(film: Film) -> None:
    for ending in (".mp4", ".jpg", "-last.jpg"):
        assert Client().get(f"/films/{film.token}{ending}").status_code == 404
    kept(film)
    film_storage().delete(film.file_name)
    assert Client().get(f"/films/{film.token}.mp4").status_code == 404


# The inspector, a child that decodes a stranger's bytes


def inspect(data: bytes, folder: Path) -> Any:
    (folder / "film.mp4").write_bytes(data)
    return inspect_film(
        folder / "film.mp4", poster=folder / "poster.jpg", last_frame=folder / "last.jpg"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"\0" * 100_000,
        film_bytes()[:3000],
        b"\x00\x00\x00\x20ftypisom" + b"\xff" * 5000,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
def test_p39_garbage_is_no_film(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnplayableFilm):
        inspect(data, tmp_path)


def test_p39_sound_alone_is_no_film(tmp_path: Path) -> None:
    silence = b"RIFF\x24\x08\x00\x00WAVEfmt \x10\0\0\0\x01\0\x01\0\x44\xac\0\0\x88\x58\x01\0\x02\0"
    with pytest.raises(UnplayableFilm):
        inspect(silence + b"\x10\0data\x00\x08\0\0" + bytes(2048), tmp_path)


def test_p39_a_picture_that_would_fill_the_memory_is_no_film(tmp_path: Path) -> None:
    # 300 kilobytes; as a picture of three colours, held three times over, more than the limit.
    side = 14_000
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compressobj(1)
    pixels = b"".join(rows.compress(bytes(side + 1)) for _ in range(side)) + rows.flush()
    parts = [(b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    ]
    with pytest.raises(UnplayableFilm, match="emory"):
        inspect(mp4_of(b"\x89PNG\r\n\x1a\n" + b"".join(chunks), side), tmp_path)


def mp4_of(picture: bytes, side: int) -> bytes:
    """Return an MP4 whose one frame is a PNG."""
    stream = BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("png", rate=24)
        video.width = video.height = side
        video.pix_fmt = "gray"
        packet = av.Packet(picture)
        packet.stream, packet.pts, packet.dts = video, 0, 0
        packet.time_base = Fraction(1, 24)
        container.mux_one(packet)
    return stream.getvalue()


def test_p39_a_decoder_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generations.archive.inspect.TIMEOUT_SECONDS", 1.0)
    subprocess.run(["/usr/bin/mkfifo", tmp_path / "film.mp4"], check=True)
    with pytest.raises(UnplayableFilm, match="in time"):
        inspect_film(
            tmp_path / "film.mp4", poster=tmp_path / "poster.jpg", last_frame=tmp_path / "last.jpg"
        )


def test_p33_the_inspector_gets_no_secrets_and_no_django(tmp_path: Path) -> None:
    code = (
        "import sys, generations.archive.inspector; "
        "print([m for m in sys.modules if m.startswith(('django', 'platform_site'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=site_settings.BASE_DIR, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"[]"
