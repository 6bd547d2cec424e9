"""Render one film."""

from pathlib import Path

import numpy as np

from sandbox.film.brief import Brief
from sandbox.film.encode import FilmWriter
from sandbox.film.layers import Canvas
from sandbox.film.moves import Move
from sandbox.film.scene import Scene
from sandbox.film.sizes import FRAMES_PER_SECOND
from sandbox.film.sound import SAMPLE_RATE, sound_of


def render(brief: Brief, target: Path) -> None:
    """Write the film of `brief` to `target`; raise PictureError for an unusable image."""
    source: Move | Scene = Move(brief) if brief.images else Scene(brief)
    sound = sound_of(brief) if brief.audio else np.zeros(0, np.float32)
    canvas = Canvas(brief.size)
    with FilmWriter(target, brief.size, audio=brief.audio) as film:
        for number in range(brief.frames):
            source.draw(canvas, number)
            film.write_frame(canvas.planes())
            if number % FRAMES_PER_SECOND == 0:
                second = number // FRAMES_PER_SECOND * SAMPLE_RATE
                film.write_sound(sound[second : second + SAMPLE_RATE])
