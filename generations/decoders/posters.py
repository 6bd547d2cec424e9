"""Make a film's poster and the picture of its last frame. The inspector's: nothing of Django."""

from contextlib import suppress
from pathlib import Path

import av
from PIL import Image

POSTER_PIXELS = 1280  # the longer side


def save_poster(frame: av.VideoFrame, path: Path) -> None:
    """Save a frame as a JPEG for lists; without one the film is still a film."""
    _save(frame, path, pixels=POSTER_PIXELS, quality=86)


def save_last_frame(frame: av.VideoFrame, path: Path) -> None:
    """Save a frame as a JPEG in its own size, for the next film to begin with, if it can be."""
    _save(frame, path, pixels=None, quality=95)


def _save(frame: av.VideoFrame, path: Path, *, pixels: int | None, quality: int) -> None:
    with suppress(OSError, ValueError):
        image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]  # library's stub
        if pixels is not None:
            image.thumbnail((pixels, pixels))
        draft = path.with_suffix(".draft")
        image.save(draft, "JPEG", quality=quality)
        draft.replace(path)
