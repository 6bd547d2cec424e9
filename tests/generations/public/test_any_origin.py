"""Films, their pictures and uploads: usable from any origin, by safe methods only."""

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils.http import parse_http_date

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import Film, ProviderKey
from generations.uploads.links import upload_url
from generations.uploads.service import upload_storage
from tests.factories import image_bytes, make_generation
from tests.support.uploads import make_upload

pytestmark = pytest.mark.django_db

ORIGIN = {"Origin": "https://player.example"}


@pytest.fixture
def paths(alice: Membership, provider_key: ProviderKey, settings: Any) -> dict[str, str]:
    """The addresses of a kept film, its two pictures and an upload."""
    film = Film.objects.get(generation=make_generation(alice, State.COMPLETED))
    upload = make_upload(alice)
    upload.file_name = upload_storage().save(upload.file_name, ContentFile(image_bytes("PNG")))
    upload.save()
    return {
        "film": f"/films/{film.token}.mp4",
        "poster": f"/films/{film.token}.jpg",
        "last frame": f"/films/{film.token}-last.jpg",
        "upload": upload_url(upload).removeprefix(settings.PUBLIC_URL),
    }


def test_f10_a_page_of_any_origin_may_read_them(paths: dict[str, str]) -> None:
    for path in paths.values():
        for method in ("get", "head", "options"):
            reply = getattr(Client(), method)(path, headers=ORIGIN)
            assert reply.status_code == (204 if method == "options" else 200)
            assert reply["Access-Control-Allow-Origin"] == "*"
            assert "Access-Control-Allow-Credentials" not in reply
            assert "Content-Range" in reply["Access-Control-Expose-Headers"]


def test_f10_a_page_of_any_origin_is_told_that_a_file_is_missing() -> None:
    for path in ("/films/nobody.mp4", "/films/nobody.jpg", "/uploads/nobody.png"):
        reply = Client().get(path, headers=ORIGIN)
        assert (reply.status_code, reply["Access-Control-Allow-Origin"]) == (404, "*")
        assert "Page not found" in reply.content.decode()


def test_f10_a_preflight_for_a_range_is_answered(paths: dict[str, str]) -> None:
    asked = {**ORIGIN, "Access-Control-Request-Method": "GET"}
    asked["Access-Control-Request-Headers"] = "range"
    for path in paths.values():
        reply = Client().options(path, headers=asked)
        assert "Range" in reply["Access-Control-Allow-Headers"].split(", ")
        assert "GET" in reply["Access-Control-Allow-Methods"]


def test_f10_they_say_when_they_came_to_be_and_are_known_by_it(paths: dict[str, str]) -> None:
    for path in paths.values():
        date = Client().get(path)["Last-Modified"]
        assert parse_http_date(date)
        assert Client().get(path, headers={"If-Modified-Since": date}).status_code == 304
        part = Client().get(path, headers={"If-Range": date, "Range": "bytes=0-9"})
        assert part.status_code == 206
        other = "Fri, 02 Jan 1998 03:04:05 GMT"
        whole = Client().get(path, headers={"If-Range": other, "Range": "bytes=0-9"})
        assert whole.status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
def test_f10_another_method_is_a_405_in_plain_text(paths: dict[str, str], method: str) -> None:
    client = Client(enforce_csrf_checks=True)
    for path in (*paths.values(), "/films/nobody.mp4"):
        reply = client.generic(method, path)
        assert reply.status_code == 405
        assert set(reply["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
        assert reply["Content-Type"].startswith("text/plain")
        assert reply["Access-Control-Allow-Origin"] == "*"


def test_f10_slashes_too_many_do_not_hide_them(paths: dict[str, str]) -> None:
    for path in paths.values():
        assert Client().get(f"http://testserver/{path}").status_code == 200
        assert Client().get(f"{path}/").status_code == 200


def test_f17_they_run_nothing_and_may_be_shown_elsewhere(paths: dict[str, str]) -> None:
    for path in paths.values():
        reply = Client().get(path)
        policy = [rule.strip() for rule in reply["Content-Security-Policy"].split(";")]
        assert {"sandbox", "default-src 'none'"} <= set(policy)
        assert "script-src" not in reply["Content-Security-Policy"]
        assert reply["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert reply["X-Content-Type-Options"] == "nosniff"
