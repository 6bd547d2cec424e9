"""Small posters and films for lists: made after a film is kept, by a step that delays nobody."""

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image

from accounts.models import Membership
from generations.archive import previews as make
from generations.archive.steps import keep_step, make_previews_step
from generations.archive.store import delete_unused_files, film_storage
from generations.decoders.previews import POSTER_BYTES, encode, save_poster
from generations.decoders.shapes import LARGE, SMALL, even, fitted
from generations.models import Film, StoredFile
from generations.ops.steps import STEPS
from platform_site.clusters.slots import slot
from tests.support.films import film_bytes
from tests.support.keeping import completed, kept, remove, stored_files, stored_files_of
from tests.support.steps import empty_queue, queued, run_queue
from tests.support.vendor import Vendor

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("provider_key", "own_folder"),
]

ENDINGS = ("-preview.mp4", "-small.webp", "-large.webp")


def look() -> None:
    """Look for what is due, as the sweep does."""
    assert make_previews_step in STEPS
    make_previews_step.enqueue_due(timezone.now())


def previewed(film: Film) -> Film:
    """Keep the film and make its previews, as the sweep finds them."""
    kept(film)
    look()
    assert run_queue("make_previews") == 1
    film.refresh_from_db()
    assert film.stored is not None
    return film


def stored_of(film: Film) -> StoredFile:
    film.refresh_from_db()
    assert film.stored is not None
    return film.stored


def get(film: Film, ending: str, **headers: str) -> Any:
    return Client().get(f"/films/{film.token}{ending}", headers=headers)


def test_keeping_makes_none_and_the_sweep_has_them_made(film: Film) -> None:
    kept(film)
    assert len(stored_files_of(film)) == 3
    assert queued() == []
    look()
    look()
    assert [name for name, _ in queued()] == ["make_previews"], "once is enough"
    run_queue()
    assert len(stored_files_of(film)) == 6
    look()
    assert queued() == []


def test_they_are_small_and_silent_in_the_films_own_shape(
    alice: Membership, vendor: Vendor
) -> None:
    data = film_bytes(1112, 834, audio=True)
    stored = stored_of(previewed(completed(alice, vendor, data, resolution="720p")))
    sizes = {"small_poster_name": (427, 320), "large_poster_name": (747, 560)}
    for column, size in sizes.items():
        with Image.open(film_storage().open(getattr(stored, column))) as image:
            assert (image.format, image.size) == ("WEBP", size)
            # The pictures of `film_bytes` are as grey as their number says; this one is number 24.
            assert image.convert("L").getextrema() == pytest.approx((24, 24), abs=4)
    with av.open(film_storage().open(stored.preview_name), "r") as container:
        assert [stream.type for stream in container.streams] == ["video"]
        video = container.streams.video[0]
        frames = [frame.to_ndarray(format="gray").mean() for frame in container.decode(video)]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height, len(frames)) == (426, 320, 96)
    assert frames[::19] == pytest.approx(range(0, 96, 19), abs=4)


def test_they_are_served_like_the_film_and_without_them_nothing_is(film: Film) -> None:
    kept(film)
    assert {get(film, ending).status_code for ending in ENDINGS} == {404}
    look()
    run_queue()
    whole = get(film, ".mp4")
    for ending in ENDINGS:
        reply = get(film, ending)
        kind = "video/mp4" if ending.endswith("mp4") else "image/webp"
        assert (reply.status_code, reply["Content-Type"]) == (200, kind)
        assert reply["ETag"] != whole["ETag"]
        same = ("Accept-Ranges", "Cache-Control", "X-Content-Type-Options")
        assert [reply[name] for name in same] == [whole[name] for name in same]
        assert get(film, ending, Range="bytes=0-9").status_code == 206
        assert get(film, ending, **{"If-None-Match": reply["ETag"]}).status_code == 304
        assert Client().get(f"/films/{'x' * 43}{ending}").status_code == 404


def test_a_removed_film_has_none(film: Film) -> None:
    previewed(film)
    assert remove(film) == 1
    assert {get(film, ending).status_code for ending in ENDINGS} == {410}
    assert delete_unused_files() == 1
    assert stored_files() == []


def test_films_with_the_same_bytes_share_them(alice: Membership, vendor: Vendor) -> None:
    first, second = (completed(alice, vendor, film_bytes()) for _ in range(2))
    previewed(first)
    kept(second)
    look()
    assert queued() == []
    assert get(second, "-preview.mp4").getvalue() == get(first, "-preview.mp4").getvalue()


def test_of_a_film_that_is_removed_meanwhile_nothing_stays(film: Film) -> None:
    kept(film)
    stored = stored_of(film)
    # A worker died when it had stored one, and the film is removed before another tries.
    film_storage().put(
        stored.file_name.replace(".mp4", "-small.webp"),
        Path(__file__),
        content_type="image/webp",
        ends=float("inf"),
    )
    StoredFile.objects.update(preview_attempts=1)
    assert remove(film) == 1
    look()
    assert run_queue("make_previews") == 0
    delete_unused_files()
    assert stored_files() == []


def test_a_worker_that_died_is_followed_by_another_until_it_is_hopeless(film: Film) -> None:
    kept(film)
    for attempt in range(1, make.MOST_ATTEMPTS + 1):
        look()
        assert len(queued()) == 1
        empty_queue()
        assert make._claim(now=timezone.now()) is not None
        assert stored_of(film).preview_attempts == attempt
        look()
        assert queued() == []
        StoredFile.objects.exclude(previews_due_at=None).update(previews_due_at=timezone.now())
    look()
    assert queued() == []


def test_a_store_that_fails_is_tried_again_later(film: Film) -> None:
    kept(film)
    stored = stored_of(film)
    path = Path(film_storage().path(stored.file_name))  # type: ignore[attr-defined]
    path.rename(path.with_suffix(".away"))
    now = timezone.now()
    make.make_due_previews()
    due = stored_of(film).previews_due_at
    assert due is not None
    assert timedelta(0) < due - now < timedelta(minutes=2)
    path.with_suffix(".away").rename(path)
    StoredFile.objects.update(previews_due_at=now)
    make.make_due_previews()
    assert stored_of(film).preview_name


def test_a_film_of_which_none_can_be_made_still_shows(
    film: Film, alice: Membership, vendor: Vendor
) -> None:
    kept(film)
    stored = stored_of(film)
    path = Path(film_storage().path(stored.file_name))  # type: ignore[attr-defined]
    path.write_bytes(path.read_bytes()[:200])
    make.make_due_previews()
    stored.refresh_from_db()
    assert (stored.previews_due_at, stored.preview_name) == (None, "")
    client = Client()
    client.force_login(alice.user, backend="accounts.sign_in.backend.EmailBackend")
    page = client.get("/").content.decode()
    assert f'src="/films/{film.token}.jpg"' in page
    assert f'data-film="/films/{film.token}.mp4"' in page
    assert "srcset" not in page


def test_a_tile_shows_what_fits_and_plays_the_preview(film: Film, alice: Membership) -> None:
    previewed(film)
    client = Client()
    client.force_login(alice.user, backend="accounts.sign_in.backend.EmailBackend")
    page = client.get("/").content.decode()
    small, large = (f"/films/{film.token}-{name}.webp" for name in ("small", "large"))
    assert f'src="{small}" srcset="{small} 512w, {large} 800w" sizes="auto, 453px"' in page
    assert f'data-film="/films/{film.token}-preview.mp4"' in page
    assert f"{film.token}.jpg" not in page


def test_films_are_kept_first(film: Film, alice: Membership, vendor: Vendor) -> None:
    kept(film)
    later = completed(alice, vendor, film_bytes(640, 640), aspect_ratio="1:1")
    keep_step.enqueue(later.pk)
    look()
    assert {name for name, _ in queued()} == {"keep"}, "while one waits, none is enqueued"
    kept(later)
    make.make_due_previews()
    done = StoredFile.objects.exclude(preview_name="").count()
    assert done == 1, "it lets go after a film, since another task waits"
    empty_queue()
    make.make_due_previews()
    assert StoredFile.objects.exclude(preview_name="").count() == 2


def test_one_worker_of_a_cluster_makes_them_at_a_time(film: Film) -> None:
    kept(film)
    with slot(among=1) as is_ours:
        assert is_ours
        make_previews_step()
        # The same process holds its own slot: only another one is kept out.
    assert stored_of(film).preview_name


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((1920, 1080), SMALL, (512, 288)),
        ((1080, 1920), SMALL, (180, 320)),
        ((1440, 1440), LARGE, (560, 560)),
        ((640, 360), LARGE, (640, 360)),
        ((2206, 946), SMALL, (512, 220)),
        ((10_000, 2), SMALL, (512, 1)),
    ],
)
def test_pictures_are_fitted_and_never_enlarged(
    size: tuple[int, int], box: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert fitted(size, box) == expected
    assert all(side >= 2 and side % 2 == 0 for side in even(expected))


@pytest.mark.parametrize("box", [SMALL, LARGE])
def test_24_posters_stay_under_300_kb_whatever_they_show(
    tmp_path: Path, box: tuple[int, int]
) -> None:
    # Leaves, water, a crowd: detail at every scale, as films have it, and no noise.
    rows = np.random.default_rng(7)
    picture = sum(
        np.kron(
            rows.normal(0, scale, (1080 // scale, 1920 // scale, 3)), np.ones((scale, scale, 1))
        )
        for scale in (4, 8, 12, 24, 60)
    )
    image = Image.fromarray(np.clip(128 + picture, 0, 255).astype(np.uint8))
    save_poster(image, tmp_path / "poster.webp", box=box)
    assert (tmp_path / "poster.webp").stat().st_size <= POSTER_BYTES
    assert 24 * (POSTER_BYTES + 700) < 300_000, "700 bytes of headers each"


def test_a_short_or_quick_film_has_them_too(tmp_path: Path) -> None:
    for number, data in enumerate((film_bytes(496, 864, frames=5), _quick_film())):
        film = tmp_path / f"{number}.mp4"
        film.write_bytes(data)
        paths = {name: tmp_path / f"{number}-{name}" for name in ("small", "large")}
        encode(film, **paths, preview=tmp_path / f"{number}-preview.mp4")
        with av.open(str(tmp_path / f"{number}-preview.mp4")) as container:
            frames = sum(1 for _ in container.decode(video=0))
            assert container.streams.video[0].average_rate in {24, 30}
        assert frames == (5, 30)[number]


def _quick_film() -> bytes:
    """Return a second of film at 60 frames a second."""
    stream = BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=60, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 640, 640, "yuv420p"
        for _ in range(60):
            picture = np.zeros((640, 640, 3), dtype=np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
    return stream.getvalue()
