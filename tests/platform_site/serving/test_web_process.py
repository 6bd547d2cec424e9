"""The web's process as it runs: with few files, while it stops, and with large ones to send."""

import hashlib
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.support.api import GENERATIONS, generation_body
from tests.support.holders import Holder, held, opened
from tests.support.serving import read_answer
from tests.support.site import Site
from tests.support.waiting import until
from tests.support.web import running_web_server

FEW_FILES = 256
HALF_A_BODY = Holder(
    b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n"
    + b"a" * 300_000
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site of which only the web runs."""
    site = Site(tmp_path)
    site.start("web")
    try:
        yield site
    finally:
        site.close()


@pytest.mark.django_db(transaction=True)
def test_f17_more_half_sent_requests_than_the_process_may_have_files(tmp_path: Path) -> None:
    with (
        running_web_server(tmp_path, open_files=FEW_FILES) as web,
        held(web.address, HALF_A_BODY, Holder(b"GET /", b"a"), each=FEW_FILES),
    ):
        for path in ("/healthz", "/accounts/login/"):
            assert httpx.get(web.url + path, timeout=20, trust_env=False).status_code == 200
    assert "the least active are closed" in web.log.read_text()


def test_a_stop_answers_what_has_come_and_drops_what_has_not(site: Site) -> None:
    """Whatever has connected counts, even if the process has not seen it yet."""
    address = ("127.0.0.1", httpx.URL(site.url).port or 0)
    body = json.dumps(generation_body("before the stop")).encode()
    lines = [
        f"POST {GENERATIONS} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {site.demo['api_key']}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    request = "\r\n".join([*lines, "", ""]).encode() + body

    with (
        held(address, Holder(b"GET / HTTP/1.1\r\n"), Holder(b""), each=5),
        opened(address, Holder(request)) as client,
    ):
        with site.writes_blocked():
            web = site.request_shutdown("web")
            until(lambda: not accepts(address))
            assert web.poll() is None, "it waits for the request"
        client.settimeout(60)
        head, answer = read_answer(client)
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert json.loads(answer)["data"]["taskId"]
        assert web.wait(60) == 0
    assert "Traceback" not in site.log("web")


def accepts(address: tuple[str, int]) -> bool:
    """Return whether the port takes connections."""
    try:
        opened(address, Holder(b"")).close()
    except OSError:
        return False
    return True


def test_a_large_file_comes_whole_by_parts_and_not_at_all(site: Site) -> None:
    noise = Image.effect_noise((3000, 3000), 100).convert("RGB")
    picture = BytesIO()
    noise.save(picture, "BMP")
    data = picture.getvalue()
    reply = site.http.post("/v1/uploads", files={"file": ("large.bmp", data)})
    url = reply.json()["data"]["url"]

    whole = site.http.get(url)
    assert hashlib.sha256(whole.content).digest() == hashlib.sha256(data).digest()
    assert whole.headers["Content-Length"] == str(len(data))
    part = site.http.get(url, headers={"Range": "bytes=1000000-20999999"})
    assert part.status_code == 206
    assert part.headers["Content-Range"] == f"bytes 1000000-20999999/{len(data)}"
    assert part.content == data[1_000_000:21_000_000]
    unchanged = site.http.get(url, headers={"If-None-Match": whole.headers["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    head = site.http.head(url)
    assert head.headers["Content-Length"] == str(len(data))
    with site.http.stream("GET", url) as left_early:
        assert left_early.status_code == 200
    assert site.http.get("/healthz").status_code == 200
