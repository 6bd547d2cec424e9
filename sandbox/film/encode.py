"""Write H.264 and AAC into an MP4 whose index comes first, with the same bytes every time."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from sandbox.film.sizes import FRAMES_PER_SECOND
from sandbox.film.sound import SAMPLE_RATE

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]

# Another count of threads cuts the frame into other slices and changes the bytes. So does mbtree,
# which was seen to depend on what memory held before.
_X264: Final = {
    "preset": "veryfast",
    "crf": "21",
    "threads": "1",
    "x264-params": "aq-mode=3:mbtree=0",
}
_MP4: Final = {"movflags": "+faststart", "fflags": "+bitexact"}
_BT709: Final = 1
_LIMITED_RANGE: Final = 1
_AUDIO_BITS_PER_SECOND: Final = 96_000
_AAC_FRAME: Final = 1024


class FilmWriter:
    """Take frames in order and sound in order; the file is whole once the block ends."""

    def __init__(self, target: Path, size: tuple[int, int], *, audio: bool) -> None:
        """Open `target` for frames of `size` (width, height) in pixels."""
        self._size = size
        self._container = av.open(
            str(target),
            "w",
            format="mp4",
            options=_MP4,
        )
        self._video = self._container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=_X264)
        self._video.width, self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.gop_size = 2 * FRAMES_PER_SECOND
        self._video.time_base = Fraction(1, FRAMES_PER_SECOND)
        context = self._video.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED_RANGE
        self._audio = None
        if audio:
            self._audio = self._container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
            self._audio.bit_rate = _AUDIO_BITS_PER_SECOND
        self._frames = 0
        self._samples = 0

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Flush both encoders and write the index; leave a broken file alone after an error."""
        if kind is None:
            self._container.mux(self._video.encode(None))
            if self._audio is not None:
                self._container.mux(self._audio.encode(None))
        self._container.close()

    def write_frame(self, planes: Planes) -> None:
        """Add one frame: Y, U and V of limited-range BT.709, chroma at half size."""
        frame = av.VideoFrame(*self._size, "yuv420p")
        for target, source in zip(frame.planes, planes, strict=True):
            rows = np.frombuffer(memoryview(target), np.uint8).reshape(-1, target.line_size)
            rows[: source.shape[0], : source.shape[1]] = source
        frame.colorspace = frame.color_primaries = frame.color_trc = _BT709
        frame.color_range = _LIMITED_RANGE
        frame.pict_type = PictureType.NONE
        frame.pts = self._frames
        frame.time_base = Fraction(1, FRAMES_PER_SECOND)
        self._frames += 1
        self._container.mux(self._video.encode(frame))

    def write_sound(self, samples: NDArray[np.float32]) -> None:
        """Add mono samples between -1 and 1 at SAMPLE_RATE."""
        if self._audio is None:
            return
        for start in range(0, len(samples), _AAC_FRAME):
            piece = np.ascontiguousarray(samples[np.newaxis, start : start + _AAC_FRAME])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            frame.pts = self._samples
            frame.time_base = Fraction(1, SAMPLE_RATE)
            self._samples += piece.shape[1]
            self._container.mux(self._audio.encode(frame))
