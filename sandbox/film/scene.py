"""Compose the frames of a film that is made from words alone."""

import math

from sandbox.film.air import Air
from sandbox.film.brief import Brief
from sandbox.film.caption import Words
from sandbox.film.layers import Canvas, Layer
from sandbox.film.palette import PALETTES, tinted
from sandbox.film.sizes import FRAMES_PER_SECOND
from sandbox.film.stage import Stage
from sandbox.film.story import story_of
from sandbox.film.worlds import city, desert, forest, mountains, sea, space

_PAINTERS = {
    "mountains": mountains.paint,
    "city": city.paint,
    "sea": sea.paint,
    "forest": forest.paint,
    "space": space.paint,
    "desert": desert.paint,
}
_TRAVEL = 0.3
_TITLE_AT = 0.2
_TITLE_FADE = 0.8


class Scene:
    """Hold the painted plates of one film and draw any frame of it."""

    def __init__(self, brief: Brief) -> None:
        """Paint everything that does not change from frame to frame."""
        story = story_of(brief)
        dice = brief.random("scene")
        width, height = brief.size
        self._seconds = brief.duration
        self._stage = Stage(
            width=width,
            height=height,
            travel=int(_TRAVEL * math.sqrt(width * height) * math.sqrt(brief.duration / 5)),
            seconds=brief.duration,
            palette=tinted(PALETTES[story.hour], dice),
            story=story,
            dice=dice,
        )
        self._forward = dice.random() < 0.5
        self._still = brief.camera_fixed
        self._layers = _PAINTERS[story.place](self._stage)
        self._air = Air(story.air, self._stage, brief.random("air"))
        self._words = Words(brief, self._stage.palette.glow, shade=True)

    def draw(self, canvas: Canvas, number: int) -> None:
        """Draw the frame of this number."""
        time = number / FRAMES_PER_SECOND
        for layer in self._layers:
            layer.paste(canvas, self._shift(layer, time))
        self._air.draw(canvas, time, self._camera(time) * self._stage.travel)
        # Gone again at the end: the last frame may become the first of another film.
        shown = min(time - _TITLE_AT, self._seconds - _TITLE_AT - time)
        self._words.paste(canvas, min(1.0, max(0.0, shown / _TITLE_FADE)))

    def _camera(self, time: float) -> float:
        """Return how far the camera has gone of its whole way."""
        way = 0.5 if self._still else _eased(time / self._seconds)
        return way if self._forward else 1 - way

    def _shift(self, layer: Layer, time: float) -> float:
        """Return how far into its plate a layer is seen, in pixels."""
        return self._camera(time) * layer.depth * self._stage.travel + layer.drift * time + 1


def _eased(position: float) -> float:
    """Start and stop the camera softly; most of the way at one speed."""
    return position - 0.6 * math.sin(2 * math.pi * position) / (2 * math.pi)
