"""Pixel sizes of the model's films (the model maker's own table) and its frame rate."""

from typing import Final

FRAMES_PER_SECOND: Final = 24
RATIOS: Final = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")
RESOLUTIONS: Final = ("480p", "720p", "1080p")

_TABLE: Final = {
    "480p": ((864, 496), (752, 560), (640, 640), (560, 752), (496, 864), (992, 432)),
    "720p": ((1280, 720), (1112, 834), (960, 960), (834, 1112), (720, 1280), (1470, 630)),
    "1080p": ((1920, 1080), (1664, 1248), (1440, 1440), (1248, 1664), (1080, 1920), (2206, 946)),
}


def size_of(resolution: str, ratio: str) -> tuple[int, int]:
    """Return (width, height) in pixels; raise KeyError or ValueError for what is not sold."""
    return _TABLE[resolution][RATIOS.index(ratio)]
