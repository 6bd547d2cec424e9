"""The child: decode a whole film, write a poster and the last frame, print what it is as JSON.

Run as `python -m generations.decoders.inspector FILM POSTER LAST_FRAME`. It imports nothing of
Django: a decoder fed with a stranger's bytes gets no database and no secrets.
"""

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from generations.decoders.posters import save_last_frame, save_poster

MEMORY_BYTES = 2 * 1024**3
CPU_SECONDS = 120
_POSTER_AT_SECOND = 1
_USUAL_RATE = 24
# An MP4 names its kind at once. Anything else is refused unread: some formats make their reader
# open further files.
_MP4_MARK = b"ftyp"
_MARK_AT = 4


def main(film: str, poster: str, last_frame: str) -> None:
    """Inspect one film under limits; any failure ends with a traceback and exit status 1."""
    limit_resources()
    sys.stdout.write(json.dumps(inspect(Path(film), Path(poster), Path(last_frame))))


def limit_resources() -> None:
    """Bound what this process may use, before it opens a stranger's bytes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


@contextmanager
def open_film(film: Path) -> Iterator[av.container.InputContainer]:
    """Open an MP4 whose first video stream decodes on all cores. Raises `ValueError`."""
    with film.open("rb") as file:
        if not file.read(16).startswith(_MP4_MARK, _MARK_AT):
            raise ValueError("The file is no MP4.")
    with av.open(str(film), format="mp4") as container:
        container.streams.video[0].thread_type = "AUTO"
        yield container


def poster_frame_of(stream: av.VideoStream) -> int:
    """Return the number of the frame that posters show."""
    return int(_rate_of(stream) * _POSTER_AT_SECOND)


def inspect(film: Path, poster: Path, last_frame: Path) -> dict[str, Any]:
    """Decode every frame; return {"width", "height", "frames", "seconds", "has_audio"}."""
    with open_film(film) as container:
        stream = container.streams.video[0]
        poster_at = poster_frame_of(stream)
        frames = 0
        first: av.VideoFrame | None = None
        last: av.VideoFrame | None = None
        for frame in container.decode(stream):
            first, last = first or frame, frame
            if frames == poster_at:
                save_poster(frame, poster)
            frames += 1
        if first is None or last is None:
            raise ValueError("The film has no frames.")
        save_last_frame(last, last_frame)
        if not poster.exists():
            save_poster(last, poster)
        return {
            "width": last.width,
            "height": last.height,
            "frames": frames,
            "seconds": _seconds(first, last, frames, _rate_of(stream)),
            "has_audio": bool(container.streams.audio),
        }


def _rate_of(stream: av.VideoStream) -> float:
    return float(stream.average_rate or _USUAL_RATE)


def _seconds(first: av.VideoFrame, last: av.VideoFrame, frames: int, rate: float) -> float:
    """Return how long the frames are shown, the last one included."""
    if first.pts is None or last.pts is None:
        return frames / rate
    return float(last.time - first.time + 1 / rate)


if __name__ == "__main__":
    main(*sys.argv[1:])
