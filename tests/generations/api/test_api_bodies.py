"""Large and odd bodies through a real web server: a readable refusal, never a reset."""

import http.client
import json
import socket
from collections.abc import Iterator

import httpx
import pytest
from django.urls import resolve, reverse

from accounts.models import Membership
from generations.api.views import UploadsView
from generations.models import Generation, ProviderKey
from generations.portal.studio.form import FRAMES
from generations.uploads.service import frame_limits
from platform_site.serving.worker import longest_body_at
from tests.factories import image_bytes, make_api_key
from tests.support.api import GENERATIONS, generation_body
from tests.support.web import WebServer

pytestmark = pytest.mark.django_db(transaction=True)

MEGABYTE = 1024 * 1024
TEN = b'{"model": "' + b"x" * 10 * MEGABYTE + b'"}'


@pytest.fixture
def key(alice: Membership, provider_key: ProviderKey) -> str:
    """An API key's text."""
    return make_api_key(alice).text


def headers_of(key: str) -> dict[str, str]:
    """Return what a client sends with JSON."""
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


def assert_too_large(status: int, body: bytes) -> None:
    """Check the refusal."""
    assert status == 400
    error = json.loads(body)["error"]
    assert (error["code"], error["type"]) == ("invalid_request", "invalid_request_error")
    assert "too large" in error["message"]


@pytest.mark.parametrize("repeat", range(3))
def test_ten_megabytes_with_httpx(web: WebServer, key: str, repeat: int) -> None:
    reply = httpx.post(
        web.url + GENERATIONS, content=TEN, headers=headers_of(key), trust_env=False, timeout=30
    )
    assert_too_large(reply.status_code, reply.content)


@pytest.mark.parametrize("repeat", range(3))
def test_ten_megabytes_with_the_standard_library(web: WebServer, key: str, repeat: int) -> None:
    connection = http.client.HTTPConnection(*web.address, timeout=30)
    connection.request("POST", GENERATIONS, body=TEN, headers=headers_of(key))
    reply = connection.getresponse()
    assert_too_large(reply.status, reply.read())
    connection.close()


def test_f10_ten_megabytes_in_chunks(web: WebServer, key: str) -> None:
    def chunks() -> Iterator[bytes]:
        for start in range(0, len(TEN), 65_536):
            yield TEN[start : start + 65_536]

    reply = httpx.post(
        web.url + GENERATIONS,
        content=chunks(),
        headers=headers_of(key),
        trust_env=False,
        timeout=30,
    )
    assert_too_large(reply.status_code, reply.content)


def test_f10_a_body_in_chunks_is_read(web: WebServer, key: str) -> None:
    whole = json.dumps(generation_body()).encode()
    reply = httpx.post(
        web.url + GENERATIONS,
        content=iter([whole[:20], whole[20:]]),
        headers=headers_of(key),
        trust_env=False,
    )
    assert reply.status_code == 200, reply.content
    assert Generation.objects.get().body["input"]["prompt"] == generation_body()["input"]["prompt"]


def test_f10_an_upload_in_chunks(web: WebServer, key: str) -> None:
    def upload(picture: bytes) -> httpx.Response:
        form = httpx.Request("POST", web.url, files={"file": ("a.png", picture)})
        whole = form.read()
        return httpx.post(
            f"{web.url}/v1/uploads",
            content=(whole[start : start + 65_536] for start in range(0, len(whole), 65_536)),
            headers={**headers_of(key), "Content-Type": form.headers["Content-Type"]},
            trust_env=False,
            timeout=60,
        )

    taken = upload(image_bytes("PNG"))
    assert taken.status_code == 200, taken.content
    refused = upload(image_bytes("PNG") + b"\0" * 40 * MEGABYTE)
    assert refused.status_code == 400
    assert "30 MB" in refused.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/accounts/login/", "/", "/admin/login/"])
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=b", "text/plain", ""])
def test_ten_megabytes_to_a_page(web: WebServer, db: None, path: str, kind: str) -> None:
    """None of them is stored: forms other than images' are small."""
    connection = http.client.HTTPConnection(*web.address, timeout=30)
    connection.request("POST", path, body=TEN, headers={"Content-Type": kind})
    reply = connection.getresponse()
    assert reply.status in (302, 400, 403, 405)
    assert b"Traceback" not in reply.read()
    connection.close()


def test_the_server_reads_as_much_as_the_views_take() -> None:
    """The paths in the settings are those of the views that take images."""
    uploads = resolve("/v1/uploads")
    assert vars(uploads.func)["view_class"] is UploadsView
    assert longest_body_at("/v1/uploads") > frame_limits().max_bytes
    for name in FRAMES:
        assert longest_body_at(reverse("studio_frame", args=[name])) > frame_limits().max_bytes
    assert longest_body_at("//v1/uploads/") > frame_limits().max_bytes
    for path in ("/v1/uploads2", "/x/v1/uploads", GENERATIONS, "/studio/frames/"):
        assert longest_body_at(path) < 2 * MEGABYTE


@pytest.mark.parametrize("text", ["sk-unknown", ""])
def test_ten_megabytes_without_a_key_of_ours(web: WebServer, db: None, text: str) -> None:
    connection = http.client.HTTPConnection(*web.address, timeout=30)
    connection.request("POST", GENERATIONS, body=TEN, headers=headers_of(text))
    reply = connection.getresponse()
    assert reply.status == 401
    assert json.loads(reply.read())["error"]["code"] == "invalid_api_key"
    connection.close()


def test_ten_megabytes_to_a_path_that_takes_none(web: WebServer, key: str) -> None:
    for path, status in (("/v1/credits", 405), ("/v1/nope", 404)):
        connection = http.client.HTTPConnection(*web.address, timeout=30)
        connection.request("POST", path, body=TEN, headers=headers_of(key))
        reply = connection.getresponse()
        assert reply.status == status
        assert json.loads(reply.read())["error"]
        connection.close()


def test_the_connection_serves_on_after_a_refusal_or_says_that_it_closes(
    web: WebServer, key: str
) -> None:
    with httpx.Client(base_url=web.url, headers=headers_of(key), trust_env=False) as client:
        for _ in range(3):
            assert client.post(GENERATIONS, content=TEN, timeout=30).status_code == 400
            assert client.get("/v1/credits").status_code == 200


def test_an_upload_of_forty_megabytes(web: WebServer, key: str) -> None:
    content = image_bytes("PNG") + b"\0" * 40 * MEGABYTE
    reply = httpx.post(
        f"{web.url}/v1/uploads",
        files={"file": ("a.png", content)},
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=60,
    )
    assert reply.status_code == 400
    assert "30 MB" in reply.json()["error"]["message"]


def test_an_upload_and_a_film_from_it(web: WebServer, key: str) -> None:
    with httpx.Client(
        base_url=web.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False
    ) as client:
        uploaded = client.post("/v1/uploads", files={"file": ("a.png", image_bytes("PNG"))})
        url = uploaded.json()["data"]["url"]
        assert url.startswith(web.url)
        assert httpx.get(url, trust_env=False).content == image_bytes("PNG")
        made = client.post(GENERATIONS, json=generation_body(image_urls=[url]))
        assert made.status_code == 200, made.content
    assert Generation.objects.get().body["input"]["image_urls"] == [url]


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /v1/credits HTTP/1.1\r\nHost: x\r\nContent-Length: a\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /v1/credits HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_the_site_lives_on(
    web: WebServer, db: None, raw: bytes
) -> None:
    with socket.create_connection(web.address, timeout=10) as connection:
        connection.sendall(raw)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 4")
    assert httpx.get(f"{web.url}/healthz", trust_env=False).status_code == 200
