"""Images: where they may come from, what they may be, and what becomes of bad ones."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from sandbox.images import is_public

REFUSED = "completed without the image"


def picture(width: int = 640, height: int = 360, kind: str = "PNG", mode: str = "RGB") -> bytes:
    image = Image.linear_gradient("L").resize((width, height)).convert(mode)
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def bomb() -> bytes:
    """Return a small PNG that claims to be 60,000 pixels a side."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    png = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b"")):
        png += struct.pack(">I", len(data)) + name + data
        png += struct.pack(">I", zlib.crc32(name + data))
    return png


@pytest.fixture
def gallery(launch: Callable[..., Any], connect: Callable[..., Any], receiver: Any) -> Any:
    """A client whose sandbox may fetch from the receiver."""
    return connect(launch(SANDBOX_IMAGE_ORIGINS=receiver.url))


def test_images_of_every_format_and_of_the_right_size_are_used(gallery: Any, receiver: Any) -> None:
    receiver.images["/a.webp"] = picture(kind="WEBP", mode="RGBA")
    ids = []
    for kind, mode in (("JPEG", "CMYK"), ("PNG", "I;16"), ("BMP", "L"), ("TIFF", "RGB")):
        receiver.images[f"/{kind}"] = picture(300, 300, kind, mode)
        urls = [f"{receiver.url}/{kind}", {"url": f"{receiver.url}/a.webp"}]
        ids.append(gallery.accepted(image_urls=urls))
    receiver.images["/g"] = picture(kind="GIF", mode="P")
    ids.append(gallery.accepted(image_urls=[f"{receiver.url}/g"]))
    for task_id in ids:
        task = gallery.ended(task_id)
        assert task["status"] == "completed", task


def test_bad_images_fail_the_task_and_refund_it(gallery: Any, receiver: Any) -> None:
    receiver.images |= {
        "/small.png": picture(299, 400),
        "/large.png": picture(6001, 4000),
        "/wide.png": picture(1000, 399),
        "/narrow.png": picture(399, 1000),
        "/text.png": b"not an image at all",
        "/cut.png": picture()[:200],
        "/bomb.png": bomb(),
        "/icon.ico": picture(256, 256, "ICO"),
        "/huge.png": b"\0" * (30 * 1024 * 1024 + 1),
    }
    ids = {
        path: gallery.accepted(image_urls=[receiver.url + path])
        for path in (*receiver.images, "/missing.png")
    }
    for path, task_id in ids.items():
        task = gallery.ended(task_id)
        assert task["status"] == "failed", path
        assert task["error"]["code"] == "upstream_error"
        assert "image" in task["error"]["message"]
    assert gallery.credits()["total_consumed"] == 0


def test_private_addresses_are_never_asked(client: Any, receiver: Any) -> None:
    receiver.images["/a.png"] = picture()
    port = receiver.url.rpartition(":")[2]
    hosts = ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1")
    ids = [client.accepted(image_urls=[f"http://{host}:{port}/a.png"]) for host in hosts]
    for host, task_id in zip(hosts, ids, strict=True):
        task = client.ended(task_id)
        assert task["status"] == "failed", host
        assert task["error"]["code"] == "upstream_error"
    assert receiver.fetched == []
    assert client.credits()["total_consumed"] == 0


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_an_address_that_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:220:1::1", "64:ff9b::808:808"])
def test_an_address_that_is_public(address: str) -> None:
    assert is_public(address)
