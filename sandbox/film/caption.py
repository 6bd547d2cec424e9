"""The words on a film: its prompt as a title, and the watermark."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from sandbox.film.brief import Brief
from sandbox.film.layers import Canvas
from sandbox.film.palette import Colour, rgb
from sandbox.film.stage import even
from sandbox.film.type import draw_text, drawable, width_of, wrapped

WATERMARK: Final = "AI Generated"
_LEVELS: Final = 16
_WHITE: Final = (235, 128, 128)
_BLACK: Final = (16, 128, 128)


def ycc(colour: Colour) -> tuple[int, int, int]:
    """Return a colour as limited-range BT.709."""
    red, green, blue = (float(part) for part in colour)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (
        round(16 + luma * 219 / 255),
        round(128 + (blue - luma) / 1.8556 * 224 / 255),
        round(128 + (red - luma) / 1.5748 * 224 / 255),
    )


@dataclass(slots=True)
class Stencil:
    """Hold a mask that lays one colour on a frame, more or less of it."""

    mask: Image.Image
    place: tuple[int, int]
    colour: tuple[int, int, int]
    _faded: dict[int, tuple[Image.Image, Image.Image]] = field(default_factory=dict)

    def paste(self, canvas: Canvas, strength: float = 1.0) -> None:
        """Lay the colour on, at a strength of 0 to 1."""
        level = round(strength * _LEVELS)
        if level <= 0:
            return
        if level not in self._faded:
            fine = self.mask.point([round(grey * level / _LEVELS) for grey in range(256)])
            self._faded[level] = (fine, fine.reduce(2))
        fine, coarse = self._faded[level]
        x, y = self.place
        canvas.y.paste(self.colour[0], (x, y), fine)
        canvas.u.paste(self.colour[1], (x // 2, y // 2), coarse)
        canvas.v.paste(self.colour[2], (x // 2, y // 2), coarse)


class Words:
    """Hold the title and the watermark of one film."""

    def __init__(self, brief: Brief, accent: Colour, *, shade: bool) -> None:
        """Set the type; `shade` darkens the foot of the frame and its corners for it."""
        width, height = brief.size
        self._size = brief.size
        self._em = max(15, round((width * height) ** 0.5 * 0.036))
        self._margin = round(min(width, height) * 0.062)
        self._mark = self._watermark() if brief.watermark else []
        self._title = self._set_title(brief, accent)
        self._shade = [Stencil(_vignette(brief.size), (0, 0), _BLACK)] if shade else []

    def paste(self, canvas: Canvas, strength: float) -> None:
        """Lay the shade, the title at its strength of 0 to 1, and the watermark always."""
        for stencil in self._shade:
            stencil.paste(canvas)
        for stencil in self._title:
            stencil.paste(canvas, strength)
        for stencil in self._mark:
            stencil.paste(canvas)

    def _set_title(self, brief: Brief, accent: Colour) -> list[Stencil]:
        width, height = self._size
        em, margin = self._em, self._margin
        small = max(10, round(em * 0.5))
        most_lines = 3 if width >= height else 5
        room = min(width - 2 * margin, em * 30)
        lines = wrapped(drawable(brief.prompt), em, room, most_lines)
        lead = round(em * 1.34)
        foot = height - margin - (round(em * 1.1) if brief.watermark else 0)
        page = Image.new("L", self._size, 0)
        fine_print = f"SANDBOX   {brief.ratio}   {brief.resolution}   SEED {brief.seed}"
        draw_text(page, (margin, foot), fine_print, small, tracking=small * 0.14)
        page = page.point([round(grey * 0.72) for grey in range(256)])
        baseline = foot - round(small * 2.1)
        for line in reversed(lines):
            draw_text(page, (margin, baseline), line, em)
            baseline -= lead
        rule = Image.new("L", self._size, 0)
        top = baseline + lead - round(em * 1.5) if lines else foot - round(small * 2.2)
        thick = max(2, round(em * 0.09))
        rule.paste(230, (margin, top, margin + round(em * 1.9), top + thick))
        shadow = page.filter(ImageFilter.GaussianBlur(em * 0.3))
        shadow = shadow.point([min(255, round(grey * 1.1)) for grey in range(256)])
        return [
            *_cut(shadow, _BLACK),
            *_cut(rule, ycc(accent * np.float32(0.75) + rgb("ffffff") * np.float32(0.25))),
            *_cut(page, _WHITE),
        ]

    def _watermark(self) -> list[Stencil]:
        """Set the vendor's mark, lower right."""
        width, height = self._size
        size = max(12, round(self._em * 0.72))
        page = Image.new("L", self._size, 0)
        inset = round(self._margin * 0.55)
        place = (width - inset - width_of(WATERMARK, size), height - inset)
        draw_text(page, place, WATERMARK, size)
        shadow = page.filter(ImageFilter.GaussianBlur(size * 0.18))
        mark = page.point([round(grey * 0.82) for grey in range(256)])
        return [*_cut(shadow, _BLACK), *_cut(mark, _WHITE)]


def _cut(page: Image.Image, colour: tuple[int, int, int]) -> list[Stencil]:
    """Keep the part of a page that has something on it, on even bounds; nothing of a blank one."""
    box = page.getbbox()
    if box is None:
        return []
    left, top = even(box[0]), even(box[1])
    right, bottom = even(box[2] + 1), even(box[3] + 1)
    return [Stencil(page.crop((left, top, right, bottom)), (left, top), colour)]


def _vignette(size: tuple[int, int]) -> Image.Image:
    """Return how much darker each place is: the corners a little, the foot for the title."""
    width, height = size
    ys = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    xs = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    corners = np.clip((xs**2 + ys**2 - 0.75) / 1.25, 0, 1) ** 1.5 * 0.34
    foot = np.clip((ys - 0.3) / 0.7, 0, 1) ** 1.6 * 0.46
    left = np.clip(1.15 - (xs + 1) / 2, 0.35, 1)
    dark = 1 - (1 - corners) * (1 - foot * left)
    return Image.fromarray((dark * 255).astype(np.uint8))
