"""The inspector, a child that decodes a stranger's bytes (P39)."""

import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import pytest
from django.conf import settings as site_settings

from generations.archive.inspect import UnplayableFilm, inspect_film
from tests.support.films import film_bytes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


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
        "import sys, generations.decoders.inspector; "
        "print([m for m in sys.modules if m.startswith(('django', 'platform_site'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=site_settings.BASE_DIR, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"[]"
