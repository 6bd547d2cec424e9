"""Films and uploads in a bucket: stored, served by ranges, and lost to no fault of the store."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.authority import By
from accounts.models import Membership
from generations.archive.frames import last_frame_as_upload
from generations.archive.keep import keep_film
from generations.archive.store import delete_unused_files, film_storage
from generations.models import Film, Generation, Upload
from generations.uploads.links import upload_url
from generations.uploads.service import delete_expired_uploads
from platform_site.stores.settings import S3
from tests.factories import image_bytes, make_api_key
from tests.support.api import Api
from tests.support.films import film_bytes
from tests.support.keeping import completed, kept, name_of, remove
from tests.support.races import race
from tests.support.s3 import Bucket, running_bucket, running_s3_server
from tests.support.vendor import Exchange, Reply, Vendor, html, reset

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """A real S3 server."""
    with running_s3_server() as url:
        yield url


@pytest.fixture
def bucket(s3_server: str, settings: Settings) -> Iterator[Bucket]:
    """An empty bucket, where the site now stores its films and uploads."""
    with running_bucket(s3_server) as bucket:
        settings.STORAGES = {**settings.STORAGES, **bucket.storages()}
        yield bucket


@pytest.fixture
def film(alice: Membership, vendor: Vendor, bucket: Bucket) -> Film:
    """A completed generation's film, still to be kept in the bucket."""
    return completed(alice, vendor, film_bytes())


def test_p39_a_kept_film_is_in_the_bucket_with_its_pictures(film: Film, bucket: Bucket) -> None:
    kept(film)
    assert film.state == Film.State.KEPT
    names = [film.file_name, film.poster_name, film.last_frame_name]
    assert bucket.names() == sorted(f"films/{name}" for name in names)
    assert bucket.content(f"films/{film.file_name}") == film_bytes()
    assert bucket.content_type(f"films/{film.file_name}") == "video/mp4"
    assert bucket.content_type(f"films/{film.poster_name}") == "image/jpeg"
    assert not (Path(site_settings.FILMS_DIR) / film.file_name).exists()


def test_a_film_in_the_bucket_is_served_by_ranges_without_a_key(film: Film) -> None:
    kept(film)
    data, url = film_bytes(), f"/films/{film.token}.mp4"
    whole = Client().get(url)
    assert (whole.status_code, whole.headers["Content-Length"]) == (200, str(len(data)))
    assert b"".join(whole) == data
    part = Client().get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, b"".join(part)) == (206, data[100:200])
    end = Client().get(url, headers={"Range": "bytes=-7"})
    assert (end.status_code, b"".join(end)) == (206, data[-7:])
    assert Client().get(url, headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    again = Client().get(url, headers={"If-None-Match": whole.headers["ETag"]})
    assert again.status_code == 304
    assert Client().head(url).headers["Content-Length"] == str(len(data))
    poster = Client().get(f"/films/{film.token}.jpg")
    assert (poster.status_code, b"".join(poster)[:2]) == (200, b"\xff\xd8")


def test_a_range_asks_the_bucket_for_no_more_than_a_window(film: Film, bucket: Bucket) -> None:
    kept(film)
    bucket.front.calls.clear()
    part = Client().get(f"/films/{film.token}.mp4", headers={"Range": "bytes=1000-"})
    assert b"".join(part) == film_bytes()[1000:]
    [get] = [call for call in bucket.front.calls if call.method == "GET"]
    assert get.headers["range"].startswith("bytes=1000-")


def test_a_large_film_comes_by_windows_whole(bucket: Bucket, tmp_path: Path) -> None:
    data = b"".join(number.to_bytes(4, "big") for number in range(2_500_000))
    (tmp_path / "large").write_bytes(data)
    storage = film_storage()
    storage.put("large.mp4", tmp_path / "large", content_type="video/mp4", ends=float("inf"))
    with storage.open("large.mp4") as file:
        assert (file.size, file.read()) == (len(data), data)
        file.seek(-10, 2)
        assert file.read() == data[-10:]
        file.seek(4_194_300)
        assert file.read(8) == data[4_194_300:4_194_308]
    gets = [call for call in bucket.front.calls if call.method == "GET"]
    assert all("range" in call.headers for call in gets)
    assert len(gets) == 3 + 2


@pytest.mark.parametrize(
    "fault", [html(500), html(503), html(403), reset], ids=["500", "503", "403", "reset"]
)
def test_p39_a_bucket_that_fails_costs_no_download(
    film: Film, vendor: Vendor, bucket: Bucket, fault: Any
) -> None:
    bucket.front.always(bucket.path(name_of(film, ".mp4")), fault)
    kept(film)
    assert (film.state, film.failures) == (Film.State.PENDING, 1)
    assert "could not be stored" in film.problem
    bucket.front.always(bucket.path(name_of(film, ".mp4")), None)
    kept(film)
    assert (film.state, film.failures, film.problem) == (Film.State.KEPT, 1, "")
    assert bucket.content(f"films/{film.file_name}") == film_bytes()
    path = "/files/" + film.source_url.rpartition("/")[2]
    assert len(vendor.calls_to(path, "GET")) == 1


def test_p39_a_bucket_that_swallows_half_a_film_is_found_out(film: Film, bucket: Bucket) -> None:
    path = bucket.path(name_of(film, ".mp4"))

    def half(exchange: Exchange) -> None:
        # An answer to PUT that is not true, and a HEAD that says so.
        headers = {"ETag": '"x"', "Content-Length": "0" if exchange.call.method == "PUT" else "7"}
        exchange.send(200, b"" if exchange.call.method == "PUT" else b"x" * 7, headers)

    bucket.front.always(path, half)
    kept(film)
    assert film.state == Film.State.PENDING
    assert "holds 7 bytes" in film.problem


@pytest.mark.parametrize("ending", [".jpg", "-last.jpg"])
def test_p39_a_picture_that_is_not_stored_loses_no_film(
    film: Film, bucket: Bucket, ending: str
) -> None:
    bucket.front.always(bucket.path(name_of(film, ending)), html(500))
    kept(film)
    assert film.state == Film.State.KEPT
    assert (film.poster_name == "", film.last_frame_name == "") == (
        ending == ".jpg",
        ending == "-last.jpg",
    )
    assert Client().get(f"/films/{film.token}{ending}").status_code == 404
    assert Client().get(f"/films/{film.token}.mp4").status_code == 200


def test_a_bucket_that_fails_is_a_503_and_a_missing_object_a_404(
    film: Film, bucket: Bucket
) -> None:
    kept(film)
    url = f"/films/{film.token}.mp4"
    bucket.front.always(bucket.path(film.file_name), html(500))
    failing = Client().get(url)
    assert (failing.status_code, failing.headers["Retry-After"]) == (503, "10")
    bucket.front.always(bucket.path(film.file_name), None)
    film_storage().delete(film.file_name)
    assert Client().get(url).status_code == 404


def test_a_film_that_breaks_off_midway_breaks_the_line(film: Film, bucket: Bucket) -> None:
    kept(film)
    data = film_bytes()

    def cut(exchange: Exchange) -> None:
        if exchange.call.method == "HEAD":
            exchange.send(200, data)
        else:
            exchange.send(206, data[:500], {"Content-Length": str(len(data))})

    bucket.front.always(bucket.path(film.file_name), cut)
    reply = Client().get(f"/films/{film.token}.mp4")
    with pytest.raises(OSError, match="storage"):
        b"".join(reply)


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p39_bytes_removed_while_they_are_kept_anew_are_stored_anew(
    alice: Membership, charlie: Membership, vendor: Vendor, bucket: Bucket
) -> None:
    # The worst moment: the reaper has seen the shared file, and then its last user lets it go.
    first = kept(completed(alice, vendor, film_bytes()))
    second = completed(charlie, vendor, film_bytes())
    shared = first.file_name
    gate = bucket.front.gate()
    there: Reply = lambda exchange: exchange.send(200, film_bytes())  # noqa: E731
    bucket.front.next(bucket.path(shared), gate.before(there))

    def work(number: int) -> None:
        if number == 0:
            keep_film(second.pk)
            return
        gate.wait()
        assert remove(first) == 1
        assert delete_unused_files() == 1
        gate.open()

    assert race(2, work) == [None, None]
    second.refresh_from_db()
    assert second.state == Film.State.KEPT
    assert second.file_name != shared
    assert bucket.content(f"films/{second.file_name}") == film_bytes()
    assert len(bucket.names()) == 3


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p39_files_that_are_being_deleted_are_not_used_again(
    alice: Membership, charlie: Membership, vendor: Vendor, bucket: Bucket
) -> None:
    # As above, but the one who deletes is only halfway when the reaper comes to say that it uses
    # them: the film is gone, its row is not.
    first = kept(completed(alice, vendor, film_bytes()))
    second = completed(charlie, vendor, film_bytes())
    looking, deleting = bucket.front.gate(), bucket.front.gate()
    there: Reply = lambda exchange: exchange.send(200, film_bytes())  # noqa: E731
    done: Reply = lambda exchange: exchange.send(204, b"")  # noqa: E731
    bucket.front.next(bucket.path(first.file_name), looking.before(there))
    bucket.front.next(bucket.path(first.last_frame_name), deleting.before(done))

    def work(number: int) -> None:
        if number == 0:
            keep_film(second.pk)
            deleting.open()
        elif number == 1:
            looking.wait()
            assert remove(first) == 1
            delete_unused_files()
        else:
            deleting.wait()
            looking.open()

    assert race(3, work) == [None] * 3
    second.refresh_from_db()
    assert second.state == Film.State.KEPT
    assert bucket.content(f"films/{second.file_name}") == film_bytes()


def test_an_upload_is_stored_and_served_from_the_bucket(alice: Membership, bucket: Bucket) -> None:
    api = Api(make_api_key(alice).text)
    reply = api.upload(BytesIO(image_bytes("PNG")))
    assert reply.status_code == 200, reply.content
    upload = Upload.objects.get()
    assert bucket.names() == [f"uploads/{upload.file_name}"]
    shown = Client().get(upload_url(upload).removeprefix("http://dailies.test"))
    assert b"".join(shown) == image_bytes("PNG")
    delete_expired_uploads(now=upload.expires_at)
    assert bucket.names() == []


def test_a_film_in_the_bucket_can_be_continued(
    film: Film, bucket: Bucket, alice: Membership
) -> None:
    kept(film)
    generation = Generation.objects.get(pk=film.pk)
    upload = last_frame_as_upload(generation, by=By.member(alice), now=timezone.now())
    assert bucket.content(f"uploads/{upload.file_name}") == bucket.content(
        f"films/{film.last_frame_name}"
    )


def test_p33_the_buckets_key_is_in_no_repr() -> None:
    assert "hush" not in repr(S3(bucket="b", access_key_id="a", secret_access_key="hush"))


def test_the_library_for_buckets_is_not_loaded_without_one() -> None:
    code = (
        "import django, sys; django.setup(); import platform_site.wsgi; "
        "from generations.archive.store import film_storage; film_storage().exists('x'); "
        "print([m for m in sys.modules if m.startswith(('boto', 'storages.'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=site_settings.BASE_DIR, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"[]"


def test_p39_the_same_bytes_go_into_the_bucket_once(
    film: Film, charlie: Membership, vendor: Vendor, bucket: Bucket
) -> None:
    kept(film)
    other = kept(completed(charlie, vendor, film_bytes()))
    assert other.file_name == film.file_name
    assert len(bucket.asked("PUT")) == 3
    assert hashlib.sha256(bucket.content(f"films/{other.file_name}")).hexdigest() == other.sha256
