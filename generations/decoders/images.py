"""The child: decode an image, rewrite it where a browser or a vendor might show it otherwise.

Run as `python -m generations.decoders.images SOURCE TARGET LIMITS`, the last one JSON. It imports
nothing of Django: a decoder fed with a stranger's bytes gets no database and no secrets.
"""

import importlib
import json
import resource
import struct
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError

from generations.decoders.formats import HEAD_BYTES, format_of, other_format
from generations.decoders.png import LONGEST_PROFILE, without_long_extras

MEMORY_BYTES = 1536 * 1024**2
CPU_SECONDS = 25
# What decoders raise over broken files.
BROKEN = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    struct.error,
)
# Browsers show these, and their bytes stay as they are where nothing else speaks against it.
_SHOWN = frozenset({"JPEG", "PNG", "WEBP", "GIF", "BMP"})
_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})
_LOSSLESS = frozenset({"PNG", "GIF", "BMP", "TIFF"})
_LONGEST_PROFILE = 64 * 1024
# A larger one would not fit its bytes: a photo is some two bytes for each pixel then.
_MOST_LOSSLESS = 8_000_000
_QUALITIES = (95, 88, 75)
_ORIENTATION = 0x0112

# Pillow takes no longer one, and blames the image.
PngImagePlugin.MAX_TEXT_CHUNK = LONGEST_PROFILE + 1


def main(source: str, target: str, limits: str) -> None:
    """Read one image under limits; any failure but a refusal ends with exit status 1."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    sys.stdout.write(json.dumps(prepare(Path(source), Path(target), json.loads(limits))))


def prepare(source: Path, target: Path, limits: dict[str, Any]) -> dict[str, Any]:
    """Write to `target` what is kept of an image, and return {"kind", "width", "height"}.

    `limits` are {"kinds": what may be kept, "side", "aspect", "max_bytes"}. What is refused returns
    {"refused": "unknown" (with "other"), "broken" (with "kind"), "size" (with "width" and
    "height"), or "bytes"}.
    """
    content = source.read_bytes()
    kind = format_of(content[:HEAD_BYTES])
    if not kind:
        return {"refused": "unknown", "other": other_format(content[:HEAD_BYTES])}
    try:
        return _prepared(content, kind, target, limits)
    except BROKEN:
        return {"refused": "broken", "kind": kind}


def _prepared(content: bytes, kind: str, target: Path, limits: dict[str, Any]) -> dict[str, Any]:
    readable, is_light = without_long_extras(content) if kind == "PNG" else (content, True)
    if kind == "HEIF":
        importlib.import_module("generations.decoders.heif")
    formats = ("JPEG", "MPO") if kind == "JPEG" else (kind,)
    with Image.open(BytesIO(readable), formats=formats) as image:
        # Before the pixels: a few bytes can claim more of them than fit the memory.
        if not _fits(image.size, limits):
            return _size_refused(image.size)
        is_plain = is_light and _is_plain(image, kind) and kind in limits["kinds"]
        image.load()
        if is_plain:
            target.write_bytes(content)
            width, height = image.size
            return {"kind": kind, "width": width, "height": height}
        drawn = _drawn(image)
    if not _fits(drawn.size, limits):
        return _size_refused(drawn.size)
    written = _write(drawn, target, limits, lossless=kind in _LOSSLESS)
    if not written:
        return {"refused": "bytes"}
    return {"kind": written, "width": drawn.width, "height": drawn.height}


def _fits(size: tuple[int, int], limits: dict[str, Any]) -> bool:
    (low, high), (narrow, wide) = limits["side"], limits["aspect"]
    width, height = size
    return bool(low <= min(size) and max(size) <= high and narrow <= width / height <= wide)


def _size_refused(size: tuple[int, int]) -> dict[str, Any]:
    return {"refused": "size", "width": size[0], "height": size[1]}


def _is_plain(image: Image.Image, kind: str) -> bool:
    """Return whether everybody shows the file's own bytes alike; asked before its pixels come."""
    deep = any(";16" in str(part) for part in getattr(image, "tile", ()))
    profile = image.info.get("icc_profile") or b""
    return (
        kind in _SHOWN
        and image.format != "MPO"
        and image.mode in _PLAIN_MODES
        and not deep
        and getattr(image, "n_frames", 1) == 1
        and len(profile) <= _LONGEST_PROFILE
        and (not profile or _is_srgb(profile))
        and image.getexif().get(_ORIENTATION, 1) == 1
    )


def _drawn(image: Image.Image) -> Image.Image:
    """Return the first frame upright, in eight bits of sRGB or grey, with transparency if any."""
    profile = image.info.get("icc_profile")
    upright = ImageOps.exif_transpose(image)
    eight = _in_eight_bits(upright)
    alpha = _alpha_of(eight)
    colours = _in_srgb(eight, profile)
    if alpha is not None:
        colours = colours.convert("RGB")
        colours.putalpha(alpha)
    colours.info = {}  # else they would be written along: the profile, texts, one colour as clear
    return colours


def _in_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode == "1":
        return image.convert("L")
    if not image.mode.startswith(("I", "F")):
        return image
    wide = image.convert("F")
    most = float(wide.getextrema()[1])  # type: ignore[arg-type]  # of one band
    full = next((full for full in (1.0, 255.0, 65_535.0) if most <= full), most)
    if image.mode.startswith("I;16"):
        full = 65_535.0
    return wide.point(lambda value: value * (255.0 / full) + 0.5).convert("L")


def _alpha_of(image: Image.Image) -> Image.Image | None:
    """Return the transparency of an image, None where nothing shows through."""
    if image.has_transparency_data:
        alpha = image.convert("RGBA").getchannel("A")
        return alpha if alpha.getextrema() != (255, 255) else None
    return None


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode in {"P", "PA", "RGBA", "RGBX", "RGBa", "YCbCr", "HSV"}:
        image = image.convert("RGBA").convert("RGB")
    elif image.mode in {"LA", "La"}:
        image = image.convert("LA").getchannel("L")
    grey = image.mode == "L"
    source: Any = profile and BytesIO(profile)
    if image.mode == "LAB":
        source = ImageCms.createProfile("LAB")
    if source and not (profile and _is_srgb(profile)):
        try:
            converted = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError):
            converted = None  # the profile is of other colours, or is none
        if converted is not None:
            return converted.convert("L") if grey else converted
    return image if grey else image.convert("RGB")


def _is_srgb(profile: bytes) -> bool:
    try:
        return "sRGB" in ImageCms.getProfileDescription(BytesIO(profile))
    except (ImageCms.PyCMSError, OSError):
        return False


def _write(image: Image.Image, target: Path, limits: dict[str, Any], *, lossless: bool) -> str:
    """Write in the best kind that may be kept and is short enough; return it, "" if none is."""
    has_alpha = image.mode == "RGBA"
    tries: list[tuple[str, dict[str, Any]]] = []
    if has_alpha or (lossless and image.width * image.height <= _MOST_LOSSLESS):
        tries.append(("PNG", {"compress_level": 6}))
        tries.append(("WEBP", {"lossless": True, "method": 1}))
    tries += [("JPEG", {"quality": quality, "subsampling": 0}) for quality in _QUALITIES]
    tries += [("WEBP", {"quality": quality}) for quality in _QUALITIES]
    for kind, options in tries:
        if kind not in limits["kinds"]:
            continue
        whole = _on_white(image) if has_alpha and kind == "JPEG" else image
        whole.save(target, kind, **options)
        if target.stat().st_size <= limits["max_bytes"]:
            return kind
    return ""


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


if __name__ == "__main__":
    main(*sys.argv[1:])
