"""Forty clients that hold their connections half-way, of each kind and of all kinds at once.

The web has eight threads. Others are answered all the while.
"""

from collections.abc import Iterator
from io import BytesIO
from itertools import chain
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from tests.support.api import GENERATIONS
from tests.support.holders import Holder, held
from tests.support.site import Site

# Far more than an answer takes, far less than a held thread.
PATIENCE_SECONDS = 20.0
TEN_MEGABYTES = 10 * 1024 * 1024
# Without padding, so that the file is as large as its picture.
LARGE_PICTURE = (3000, 3000)

KINDS = (
    "nothing at all",
    "a first byte",
    "a head without an end",
    "a head that drips",
    "a head that drips by lines",
    "blank lines that drip",
    "a body that does not come",
    "a body that drips",
    "a body after 100 Continue that does not come",
    "a form that drips",
    "an upload that stops half-way",
    "an upload that drips",
    "chunks that do not end",
    "chunks that drip",
    "a chunk's size that does not end",
    "a wrong key, and the rest does not come",
    "a wrong key, and the rest drips",
    "a wrong key, and chunks that drip",
    "a body too large, and the rest does not come",
    "a body too large, and the rest drips",
    "an upload too large, and the rest drips",
    "a form too large, and the rest does not come",
    "no such address, and the rest drips",
    "a hello of TLS",
    "garbage",
    "a large answer that is not read",
    "a large answer that is read a little",
    "a large answer to a second request that is not read",
    "many requests whose answers are not read",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of which only the web runs."""
    site = Site(tmp_path_factory.mktemp("held"))
    site.start("web")
    try:
        yield site
    finally:
        site.close()


@pytest.fixture(scope="module")
def large_path(site: Site) -> str:
    """The path of a file of 27 MB that anyone may read who knows it."""
    picture = BytesIO()
    Image.new("RGB", LARGE_PICTURE).save(picture, "BMP")
    reply = site.http.post("/v1/uploads", files={"file": ("large.bmp", picture.getvalue())})
    assert reply.status_code == 200, reply.text
    url: str = reply.json()["data"]["url"]
    return urlsplit(url).path


@pytest.fixture(scope="module")
def holders(site: Site, large_path: str) -> dict[str, list[Holder]]:
    """What each kind does; forty connections are shared out evenly among its variants."""
    key = site.demo["api_key"]
    return dict(zip(KINDS, all_holders(key, large_path), strict=True))


def post(path: str, *lines: str) -> bytes:
    """Return the head of a POST."""
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def get(path: str, *lines: str) -> bytes:
    """Return a whole GET."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def all_holders(key: str, large_path: str) -> Iterator[list[Holder]]:
    """Yield what the clients of each kind do, in the order of `KINDS`."""
    right, wrong = f"Authorization: Bearer {key}", "Authorization: Bearer sk-nobody"
    json = "Content-Type: application/json"
    multipart = "Content-Type: multipart/form-data; boundary=b"
    urlencoded = "Content-Type: application/x-www-form-urlencoded"
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    some, too_long = "Content-Length: 1000", f"Content-Length: {TEN_MEGABYTES}"
    image, too_large = "Content-Length: 20000000", "Content-Length: 200000000"
    chunked = "Transfer-Encoding: chunked"
    sign_in = "/accounts/login/"
    yield [Holder(b"")]
    yield [Holder(b"G")]
    yield [Holder(get("/healthz")[:-2]), Holder(b"POST /v1/uploads HTTP/1.1\r\n")]
    yield [Holder(b"GET / HTTP/1.1\r\nX-A: ", b"a"), Holder(b"GET /", b"a")]
    yield [Holder(b"GET / HTTP/1.1\r\n", b"X-A: a\r\n")]
    yield [Holder(b"\r\n", b"\r\n")]
    yield [Holder(post(GENERATIONS, right, json, some)), Holder(post(GENERATIONS, some) + b"{")]
    yield [Holder(post(GENERATIONS, right, json, some), b" ")]
    yield [Holder(post(GENERATIONS, right, json, some, "Expect: 100-continue"))]
    yield [
        Holder(post(sign_in, urlencoded, some) + b"login=", b"a"),
        Holder(post(sign_in, multipart, some) + part, b"a"),
    ]
    yield [Holder(post("/v1/uploads", right, multipart, image) + part + b"a" * 50_000)]
    yield [
        Holder(post("/v1/uploads", right, multipart, image) + part, b"a"),
        Holder(post("/studio/frames/first/", multipart, image) + part, b"a"),
    ]
    yield [Holder(post(GENERATIONS, right, json, chunked) + b"5\r\n{    \r\n")]
    yield [
        Holder(post(GENERATIONS, right, json, chunked), b"1\r\n \r\n"),
        Holder(post("/v1/uploads", right, multipart, chunked), b"1\r\n \r\n"),
    ]
    yield [Holder(post(GENERATIONS, right, json, chunked), b"0")]
    yield [Holder(post(GENERATIONS, wrong, json, size)) for size in (some, too_long)]
    yield [Holder(post(GENERATIONS, wrong, json, size), b" ") for size in (some, too_long)]
    yield [Holder(post(GENERATIONS, wrong, json, chunked), b"1\r\n \r\n")]
    yield [Holder(post(GENERATIONS, right, json, too_long))]
    yield [Holder(post(GENERATIONS, right, json, too_long), b" ")]
    yield [Holder(post("/v1/uploads", right, multipart, too_large) + part, b"a")]
    yield [Holder(post(sign_in, kind, too_long)) for kind in (urlencoded, multipart)]
    yield [Holder(post("/v1/nope", right, json, too_long), b" "), Holder(post("/", too_long), b" ")]
    yield [Holder(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 506)]
    yield [Holder(bytes(range(128, 256)) * 8, b"\xff")]
    yield [Holder(get(large_path), receive_buffer=4096)]
    yield [Holder(get(large_path), get("/healthz"), receive_buffer=4096)]
    yield [Holder(get("/healthz") + get(large_path), receive_buffer=4096)]
    part_of_it = get(large_path, "Range: bytes=0-299999")
    yield [Holder(part_of_it * 100, part_of_it, receive_buffer=4096)]


def assert_others_are_answered(site: Site) -> None:
    """Have a health check, a page and a call of the API answered, each on a fresh connection."""
    authorization = {"Authorization": f"Bearer {site.demo['api_key']}"}
    for path in ("/healthz", "/accounts/login/", "/v1/credits"):
        reply = httpx.get(
            site.url + path, headers=authorization, timeout=PATIENCE_SECONDS, trust_env=False
        )
        assert reply.status_code == 200, path
    refused = httpx.post(
        site.url + GENERATIONS, json={}, headers=authorization, timeout=PATIENCE_SECONDS
    )
    assert refused.status_code == 400


@pytest.mark.parametrize("kind", KINDS)
def test_f17_forty_clients_that_hold_their_connections_leave_the_site_answering(
    site: Site, holders: dict[str, list[Holder]], kind: str
) -> None:
    variants = holders[kind]
    address = ("127.0.0.1", urlsplit(site.url).port or 0)

    with held(address, *variants, each=40 // len(variants)):
        assert_others_are_answered(site)
        assert_others_are_answered(site)


def test_f17_all_kinds_at_once_leave_the_site_answering(
    site: Site, holders: dict[str, list[Holder]]
) -> None:
    address = ("127.0.0.1", urlsplit(site.url).port or 0)

    with held(address, *chain(*holders.values()), each=20):
        assert_others_are_answered(site)
        assert_others_are_answered(site)
    assert_others_are_answered(site)
