"""Have an image decoded by a child, and say what is wrong with it and the way out."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import structlog

from generations.decoders import DecoderFailed, DecoderTimedOut, run_decoder
from generations.uploads.quota import decoding_slot
from generations.vendors import FrameLimits
from platform_site.errors import InvalidRequest, Unavailable

SECONDS = 30
_MEGABYTE = 1024**2
# What may be kept, by the decoder's names: media type, ending of the file.
_KINDS = {
    "JPEG": ("image/jpeg", "jpg"),
    "PNG": ("image/png", "png"),
    "WEBP": ("image/webp", "webp"),
    "BMP": ("image/bmp", "bmp"),
    "GIF": ("image/gif", "gif"),
}
# What an image can always be rewritten as.
_WRITTEN = frozenset({"JPEG", "PNG", "WEBP"})
_TITLES = {"WEBP": "WebP", "HEIF": "HEIC"}
_SAVE_AS = "Save it as a JPEG or PNG, and try again."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as it is kept: plain enough for browsers and vendors, whatever was handed in."""

    path: Path
    content_type: str
    ending: str
    width: int
    height: int
    size: int


@contextmanager
def prepared(file: IO[Any], size: int, limits: FrameLimits) -> Iterator[Picture]:
    """Give what is kept of an image of `size` bytes, on disk until the block ends.

    Its bytes are its own where everybody shows them alike; else it is rewritten: the first frame,
    upright, in sRGB. Few are decoded at once. Raises `InvalidRequest` saying what is wrong and what
    to do, or `Unavailable`.
    """
    kinds = [name for name, (media, _) in _KINDS.items() if media in limits.media_types]
    if not (_WRITTEN & set(kinds) and limits.admit_any):
        log.error("no_image_fits_every_vendor")
        raise Unavailable(
            "No image can be uploaded: the vendors of this site's models take none in common. Use "
            "the public address of an image instead, and let an administrator know."
        )
    if size == 0:
        raise InvalidRequest(
            f"The file is empty. Choose an image of up to {limits.max_bytes // _MEGABYTE} MB.",
            field="file",
        )
    if size > limits.max_bytes:
        raise too_long(limits, size)
    with TemporaryDirectory(prefix="dailies-image-") as folder:
        source, target = Path(folder, "source"), Path(folder, "target")
        with source.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        wanted = {
            "kinds": kinds,
            "side": limits.side,
            "aspect": limits.aspect,
            "max_bytes": limits.max_bytes,
        }
        said = _decoded(source, target, wanted)
        if "refused" in said:
            raise InvalidRequest(_problem(said, limits), field="file")
        content_type, ending = _KINDS[said["kind"]]
        yield Picture(
            target, content_type, ending, said["width"], said["height"], target.stat().st_size
        )


def too_long(limits: FrameLimits, size: int) -> InvalidRequest:
    """Return the refusal of a file, or of a form around it, of so many bytes."""
    megabytes = max(-(-size // _MEGABYTE), limits.max_bytes // _MEGABYTE + 1)
    return InvalidRequest(
        f"The file has {megabytes} MB. Choose an image of up to {limits.max_bytes // _MEGABYTE} "
        "MB, or save this one smaller or as a JPEG.",
        field="file",
    )


def _decoded(source: Path, target: Path, wanted: dict[str, Any]) -> dict[str, Any]:
    try:
        with decoding_slot():
            printed = run_decoder("images", source, target, json.dumps(wanted), seconds=SECONDS)
        said: dict[str, Any] = json.loads(printed)
    except DecoderTimedOut as error:
        raise InvalidRequest(
            f"The image took more than {SECONDS} seconds to read. {_SAVE_AS}", field="file"
        ) from error
    except (DecoderFailed, ValueError) as error:
        log.warning("image_not_decoded", problem=str(error))
        raise InvalidRequest(f"The image could not be read. {_SAVE_AS}", field="file") from error
    return said


def _problem(said: dict[str, Any], limits: FrameLimits) -> str:
    """Return what was wrong, in a sentence or two."""
    if said["refused"] == "size":
        return _size_problem(said["width"], said["height"], limits)
    if said["refused"] == "broken":
        title = _TITLES.get(said["kind"], said["kind"])
        return (
            f"The {title} image is damaged or incomplete. Upload it again, or open it and save it "
            f"again."
        )
    if said["refused"] == "bytes":
        megabytes = limits.max_bytes // _MEGABYTE
        return f"The image has more than {megabytes} MB once it is unpacked. Make it smaller."
    other = said["other"] or "not an image that can be read here"
    return f"The file is {other}. Choose a JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF image."


def _size_problem(width: int, height: int, limits: FrameLimits) -> str:
    low, high = limits.side
    is_size = f"The image is {width}×{height} pixels"
    if min(width, height) < low:
        return f"{is_size}; each side must have {low} to {high}. Use a larger one."
    if max(width, height) > high:
        return f"{is_size}; each side must have {low} to {high}. Make it smaller."
    narrow, wide = limits.aspect
    return f"{is_size}; width ÷ height must be {narrow} to {wide}. Crop it."
