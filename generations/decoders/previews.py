"""The child: decode a film once, and write two small posters and a small silent film of it.

Run as `python -m generations.decoders.previews FILM SMALL LARGE PREVIEW`. Like the
inspector, it imports nothing of Django.
"""

import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

import av
from av.video.frame import PictureType
from PIL import Image

from generations.decoders.inspector import limit_resources, open_film, poster_frame_of
from generations.decoders.shapes import LARGE, SMALL, Size, even, fitted

# 24 tiles stay under 300 kB on every screen, headers included, whatever the films show.
POSTER_BYTES = 11_000
_QUALITIES = (70, 60, 50, 40, 30)
# What is still too long is coarser from here on: a little less sharp, and without blocks.
_SHARES = (1.0, 0.8, 0.64, 0.5, 0.4)
_X264 = {
    "preset": "veryfast",
    "crf": "29",
    "maxrate": "450k",
    "bufsize": "900k",
    "threads": "1",
}
_MP4 = {"movflags": "+faststart"}
_MOST_FRAMES_PER_SECOND = 30
_NICENESS = 10  # whoever waits for a page goes first


def main(film: str, small: str, large: str, preview: str) -> None:
    """Write all three under limits; any failure ends with a traceback and exit status 1."""
    limit_resources()
    os.nice(_NICENESS)
    encode(Path(film), small=Path(small), large=Path(large), preview=Path(preview))


def encode(film: Path, *, small: Path, large: Path, preview: Path) -> None:
    """Write the posters as WebP and the silent film as MP4. Raises what the libraries raise."""
    with open_film(film) as container, av.open(str(preview), "w", options=_MP4) as target:
        source = container.streams.video[0]
        poster_at = poster_frame_of(source)
        writer: _Writer | None = None
        shown: av.VideoFrame | None = None
        for number, frame in enumerate(container.decode(source)):
            shown = frame if number <= poster_at else shown
            writer = writer or _Writer(target, source, (frame.width, frame.height))
            writer.write(number, frame)
        if writer is None or shown is None:
            raise ValueError("The film has no frames.")
        writer.finish()
    poster: Image.Image = shown.to_image()  # type: ignore[no-untyped-call]  # library's stub
    save_poster(poster, small, box=SMALL)
    save_poster(poster, large, box=LARGE)


def save_poster(image: Image.Image, path: Path, *, box: Size) -> None:
    """Save a picture as WebP in a box, as good as `POSTER_BYTES` allow."""
    for data in _ever_smaller(image, fitted(image.size, box)):
        if len(data) <= POSTER_BYTES:
            break
    path.write_bytes(data)


def _ever_smaller(image: Image.Image, size: Size) -> Iterator[bytes]:
    for share in _SHARES:
        smaller = max(1, round(size[0] * share)), max(1, round(size[1] * share))
        resized = image.resize(smaller, Image.Resampling.LANCZOS)
        for quality in _QUALITIES:
            stream = BytesIO()
            resized.save(stream, "WEBP", quality=quality, method=4)
            yield stream.getvalue()


class _Writer:
    """The small film in the making."""

    def __init__(self, target: Any, source: av.VideoStream, size: Size) -> None:
        rate = Fraction(source.average_rate or 24)
        self._every = ceil(rate / _MOST_FRAMES_PER_SECOND)
        rate /= self._every
        self._target = target
        self._size = even(fitted(size, SMALL))
        self._time_base = 1 / rate
        self._video = target.add_stream("libx264", rate=rate, options=_X264)
        self._video.width, self._video.height = self._size
        self._video.pix_fmt = "yuv420p"
        self._video.time_base = self._time_base
        colours, ours = source.codec_context, self._video.codec_context
        ours.colorspace, ours.color_range = colours.colorspace, colours.color_range
        ours.color_primaries, ours.color_trc = colours.color_primaries, colours.color_trc

    def write(self, number: int, frame: av.VideoFrame) -> None:
        if number % self._every:
            return
        width, height = self._size
        small = frame.reformat(width=width, height=height, format="yuv420p")
        small.pts, small.time_base = number // self._every, self._time_base
        small.pict_type = PictureType.NONE
        self._target.mux(self._video.encode(small))

    def finish(self) -> None:
        self._target.mux(self._video.encode(None))


if __name__ == "__main__":
    main(*sys.argv[1:])
