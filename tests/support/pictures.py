"""Images as cameras, scanners and programs save them, which few libraries write."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return the file of an image."""
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def marked(size: tuple[int, int] = (400, 320), mode: str = "RGB") -> Image.Image:
    """Return a red image whose upper left quarter is blue: it shows how it is turned."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (0, 0, size[0] // 2, size[1] // 2))
    return image.convert(mode)


def swapped_profile(size: int | None = None) -> bytes:
    """Return a colour profile that calls green what sRGB calls red, filled up to `size` bytes."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    filled = swapped + bytes((size or len(swapped)) - len(swapped))
    return struct.pack(">I", len(filled)) + filled[4:]


def srgb_profile(size: int | None = None) -> bytes:
    """Return the profile of sRGB itself, filled up to `size` bytes."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    filled = srgb + bytes((size or len(srgb)) - len(srgb))
    return struct.pack(">I", len(filled)) + filled[4:]


def with_chunk(png: bytes, name: bytes, data: bytes) -> bytes:
    """Return a PNG with one more chunk before its pixels."""
    check = struct.pack(">I", zlib.crc32(name + data))
    chunk = struct.pack(">I", len(data)) + name + data + check
    at = png.index(b"IDAT") - 4
    return png[:at] + chunk + png[at:]


def large_png(side: int) -> bytes:
    """Return a red square as a PNG, made row by row: it never stands in memory as a whole."""
    packer, row = zlib.compressobj(1), b"\0" + bytes(RED) * side
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return png_of(head, packed)


def png_of(head: bytes, packed: bytes) -> bytes:
    """Return a PNG of a header and of packed rows."""
    png = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", head), (b"IDAT", packed), (b"IEND", b"")):
        check = struct.pack(">I", zlib.crc32(name + data))
        png += struct.pack(">I", len(data)) + name + data + check
    return png
