"""The child: decode a whole film, write a poster and the last frame, print what it is as JSON.

Run as `python -m generations.media.inspector FILM POSTER LAST_FRAME`. It imports nothing of Django:
a decoder fed with a stranger's bytes gets no database and no secrets.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

import av
from PIL import Image

MEMORY_BYTES = 2 * 1024**3
CPU_SECONDS = 120
POSTER_PIXELS = 1280  # the longer side
_POSTER_AT_SECOND = 1


def main(film: str, poster: str, last_frame: str) -> None:
    """Inspect one film under limits; any failure ends with a traceback and exit status 1."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    sys.stdout.write(json.dumps(inspect(Path(film), Path(poster), Path(last_frame))))


def inspect(film: Path, poster: Path, last_frame: Path) -> dict[str, Any]:
    """Decode every frame; return {"width", "height", "frames", "seconds", "has_audio"}."""
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = float(stream.average_rate or 24)
        frames, frame = 0, None
        for frame in container.decode(stream):  # the last one is used below
            if frames == int(rate * _POSTER_AT_SECOND):
                _save_poster(_image(frame), poster)
            frames += 1
        if frame is None:
            raise ValueError("The film has no frames.")
        image = _image(frame)
        image.save(last_frame, "JPEG", quality=95)
        if not poster.exists():
            _save_poster(image, poster)
        return {
            "width": frame.width,
            "height": frame.height,
            "frames": frames,
            "seconds": frames / rate,
            "has_audio": bool(container.streams.audio),
        }


def _image(frame: av.VideoFrame) -> Image.Image:
    image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]  # the library's stub
    return image


def _save_poster(image: Image.Image, path: Path) -> None:
    image.thumbnail((POSTER_PIXELS, POSTER_PIXELS))
    image.save(path, "JPEG", quality=86)


if __name__ == "__main__":
    main(*sys.argv[1:])
