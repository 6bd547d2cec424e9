"""Render one film."""

from pathlib import Path

import numpy as np
from PIL import Image

from sandbox.film.brief import Brief
from sandbox.film.colour import planes_of
from sandbox.film.encode import FilmWriter
from sandbox.film.pictures import open_picture
from sandbox.film.sizes import FRAMES_PER_SECOND
from sandbox.film.sound import SAMPLE_RATE, sound_of


def render(brief: Brief, target: Path) -> None:
    """Write the film of `brief` to `target`; raise PictureError for an unusable image."""
    width, height = brief.size
    pictures = [planes_of(open_picture(path, brief.size)) for path in brief.images]
    dice = brief.random("plain")
    ramp = np.linspace(0, 1, width + height, dtype=np.float32)
    colours = np.array([[dice.randrange(256) for _ in range(3)] for _ in range(2)], np.float32)
    sound = sound_of(brief) if brief.audio else np.zeros(0, np.float32)
    with FilmWriter(target, brief.size, audio=brief.audio) as film:
        for number in range(brief.frames):
            if pictures:
                film.write_frame(pictures[0 if number < brief.frames - 1 else -1])
            else:
                shift = 0 if brief.camera_fixed else number / brief.frames * 0.5
                row = np.clip(ramp[:width] + shift, 0, 1)[:, None]
                line = colours[0] * (1 - row) + colours[1] * row
                rgb = np.broadcast_to(line.astype(np.uint8), (height, width, 3))
                film.write_frame(planes_of(Image.fromarray(np.ascontiguousarray(rgb))))
            if number % FRAMES_PER_SECOND == 0:
                second = number // FRAMES_PER_SECOND * SAMPLE_RATE
                film.write_sound(sound[second : second + SAMPLE_RATE])
