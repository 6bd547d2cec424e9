"""Real films for tests, made once for each size and kept in memory."""

from fractions import Fraction
from functools import lru_cache
from io import BytesIO

import av
import numpy as np


@lru_cache
def film_bytes(
    width: int = 864, height: int = 496, *, frames: int = 96, audio: bool = False
) -> bytes:
    """Return an MP4 at 24 frames a second; by default what 480p, 16:9, 4 s, silent must be."""
    stream = BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        sound = container.add_stream("aac", rate=44100, layout="mono") if audio else None
        for number in range(frames):
            picture = np.full((height, width, 3), number % 256, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            silence = np.zeros((1, 1024), dtype=np.float32)
            for number in range(frames * 44100 // 24 // 1024):
                part = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
                part.sample_rate, part.pts = 44100, number * 1024
                part.time_base = Fraction(1, 44100)
                container.mux(sound.encode(part))
            container.mux(sound.encode(None))
    return stream.getvalue()
