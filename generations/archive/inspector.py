"""The child: decode a whole film, write a poster and the last frame, print what it is as JSON.

Run as `python -m generations.archive.inspector FILM POSTER LAST_FRAME`. It imports nothing of
Django: a decoder fed with a stranger's bytes gets no database and no secrets.
"""

import json
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
from PIL import Image

MEMORY_BYTES = 2 * 1024**3
CPU_SECONDS = 120
POSTER_PIXELS = 1280  # the longer side
_POSTER_AT_SECOND = 1
_USUAL_RATE = 24
# An MP4 names its kind at once. Anything else is refused unread: some formats make their reader
# open further files.
_MP4_MARK = b"ftyp"
_MARK_AT = 4


def main(film: str, poster: str, last_frame: str) -> None:
    """Inspect one film under limits; any failure ends with a traceback and exit status 1."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    sys.stdout.write(json.dumps(inspect(Path(film), Path(poster), Path(last_frame))))


def inspect(film: Path, poster: Path, last_frame: Path) -> dict[str, Any]:
    """Decode every frame; return {"width", "height", "frames", "seconds", "has_audio"}."""
    with film.open("rb") as file:
        if not file.read(16).startswith(_MP4_MARK, _MARK_AT):
            raise ValueError("The file is no MP4.")
    with av.open(str(film), format="mp4") as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = float(stream.average_rate or _USUAL_RATE)
        frames = 0
        first: av.VideoFrame | None = None
        last: av.VideoFrame | None = None
        for frame in container.decode(stream):
            first, last = first or frame, frame
            if frames == int(rate * _POSTER_AT_SECOND):
                _save_picture(frame, poster, pixels=POSTER_PIXELS, quality=86)
            frames += 1
        if first is None or last is None:
            raise ValueError("The film has no frames.")
        _save_picture(last, last_frame, pixels=None, quality=95)
        if not poster.exists():
            _save_picture(last, poster, pixels=POSTER_PIXELS, quality=86)
        return {
            "width": last.width,
            "height": last.height,
            "frames": frames,
            "seconds": _seconds(first, last, frames, rate),
            "has_audio": bool(container.streams.audio),
        }


def _seconds(first: av.VideoFrame, last: av.VideoFrame, frames: int, rate: float) -> float:
    """Return how long the frames are shown, the last one included."""
    if first.pts is None or last.pts is None:
        return frames / rate
    return float(last.time - first.time + 1 / rate)


def _save_picture(frame: av.VideoFrame, path: Path, *, pixels: int | None, quality: int) -> None:
    """Save a frame as JPEG; without one the film is still a film."""
    with suppress(OSError, ValueError):
        image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]  # library's stub
        if pixels is not None:
            image.thumbnail((pixels, pixels))
        draft = path.with_suffix(".draft")
        image.save(draft, "JPEG", quality=quality)
        draft.replace(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
