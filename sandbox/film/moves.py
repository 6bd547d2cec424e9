"""Films that begin with a given image, and end with another where there are two."""

import numpy as np
from PIL import Image

from sandbox.film.air import Air
from sandbox.film.brief import Brief
from sandbox.film.caption import Words
from sandbox.film.colour import planes_of
from sandbox.film.layers import Canvas
from sandbox.film.noise import field, smooth
from sandbox.film.palette import PALETTES, rgb
from sandbox.film.pictures import open_picture
from sandbox.film.sizes import FRAMES_PER_SECOND
from sandbox.film.stage import Stage
from sandbox.film.story import Story

_ZOOM = 0.12
# The share of the film during which the first image turns into the second.
_TURN = (0.3, 0.72)
_SOFTNESS = 70


class Picture:
    """Hold one image as planes and show a part of it, as a camera would."""

    def __init__(self, image: Image.Image, focus: tuple[float, float]) -> None:
        """Take an image of the frame's size; `focus` (0 to 1) stays in place while it grows."""
        self._planes = [Image.fromarray(plane) for plane in planes_of(image)]
        self._focus = focus

    def paste(self, canvas: Canvas, zoom: float, mask: Image.Image | None = None) -> None:
        """Draw the image enlarged by `zoom`; exactly as it is at 1."""
        coarse = mask.reduce(2) if mask else None
        targets = (canvas.y, canvas.u, canvas.v)
        for target, plane, stencil in zip(
            targets, self._planes, (mask, coarse, coarse), strict=True
        ):
            target.paste(_enlarged(plane, zoom, self._focus), (0, 0), stencil)


def _enlarged(plane: Image.Image, zoom: float, focus: tuple[float, float]) -> Image.Image:
    if zoom == 1:
        return plane
    width, height = plane.width / zoom, plane.height / zoom
    left, top = (plane.width - width) * focus[0], (plane.height - height) * focus[1]
    box = (left, top, left + width, top + height)
    return plane.resize(plane.size, Image.Resampling.BICUBIC, box=box)


class Move:
    """Hold the pictures of one film and draw any frame of it."""

    def __init__(self, brief: Brief) -> None:
        """Open the images; raise PictureError for one that cannot be used."""
        dice = brief.random("move")
        width, height = brief.size
        self._brief = brief
        self._pictures = [
            Picture(
                open_picture(path, brief.size), (dice.uniform(0.3, 0.7), dice.uniform(0.3, 0.6))
            )
            for path in brief.images
        ]
        palette = PALETTES["golden"]
        stage = Stage(width, height, 0, brief.duration, palette, Story("", "golden", "dust"), dice)
        self._air = Air("dust", stage, dice)
        self._words = Words(brief, rgb("ffd9a0"), shade=False)
        lumps = field(dice, (height, width), cells=4, octaves=4)
        slant = np.linspace(0, 1, width, dtype=np.float32)[None, :]
        order = 0.55 * slant + 0.45 * smooth((lumps - 0.25) / 0.5)
        self._order = Image.fromarray((order * 255).astype(np.uint8))

    def draw(self, canvas: Canvas, number: int) -> None:
        """Draw the frame of this number: frame 0 is the first image, the last may be another."""
        place = number / (self._brief.frames - 1)
        self._pictures[0].paste(canvas, self._zoom(place))
        ending = 1.0
        if len(self._pictures) > 1:
            self._turn(canvas, place)
            ending = _ramp((1 - place) * self._brief.duration, 0.1, 0.9)
        time = number / FRAMES_PER_SECOND
        presence = _ramp(time, 0.25, 1.2) * ending
        if presence > 0:
            self._air.draw(canvas, time, 0.0, presence)
        self._words.paste(canvas, presence)

    def _zoom(self, place: float) -> float:
        if self._brief.camera_fixed:
            return 1.0
        return 1 + _ZOOM * _ramp(place, 0, 1)

    def _turn(self, canvas: Canvas, place: float) -> None:
        """Lay the second image over the first, more of it with each frame."""
        share = _ramp(place, *_TURN)
        if share <= 0:
            return
        zoom = self._zoom(1 - place)
        if share >= 1:
            self._pictures[1].paste(canvas, zoom)
            return
        edge = share * (255 + _SOFTNESS) - _SOFTNESS
        table = [_cover(grey, edge) for grey in range(256)]
        self._pictures[1].paste(canvas, zoom, self._order.point(table))


def _cover(grey: int, edge: float) -> int:
    """Return how much of the second image shows where its turn comes at `grey`."""
    share = min(max((edge + _SOFTNESS - grey) / _SOFTNESS, 0.0), 1.0)
    return round(255 * share * share * (3 - 2 * share))


def _ramp(value: float, start: float, end: float) -> float:
    """Ease from 0 at `start` to 1 at `end`."""
    share = min(max((value - start) / (end - start), 0.0), 1.0)
    return share * share * (3 - 2 * share)
