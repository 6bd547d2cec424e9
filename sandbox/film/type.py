"""Set text: a chain of fonts, letters that no font has left out, lines broken to a width."""

import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

_NOTO: Final = "NotoSansCJK-Regular.ttc"
# Fonts of the system, each used only for what the ones before it lack: Chinese, then the rest.
_SYSTEM_FONTS: Final = (
    (
        f"/usr/share/fonts/opentype/noto/{_NOTO}",
        f"/usr/share/fonts/noto-cjk/{_NOTO}",
        f"/usr/share/fonts/google-noto-cjk/{_NOTO}",
        f"/usr/share/fonts/google-noto-sans-cjk-fonts/{_NOTO}",
        "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
        "/System/Library/Fonts/PingFang.ttc",
        "/System/Library/Fonts/Hiragino Sans GB.ttc",
    ),
    (
        "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
        "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
        "/usr/share/fonts/TTF/DejaVuSans.ttf",
    ),
)
_PROBE_SIZE: Final = 24
_NO_CHARACTER: Final = "\U0010fffe"
_LONGEST_TEXT: Final = 600
# Marks, controls, joiners, private and unassigned ones: nothing to see without shaping.
_UNSEEN: Final = frozenset({"Mn", "Me", "Cc", "Cf", "Cs", "Co", "Cn"})

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def _fonts(size: int) -> tuple[Font, ...]:
    """Return the chain: the font that Pillow carries, then those of the system."""
    found: list[Font] = [ImageFont.load_default(size)]
    for choices in _SYSTEM_FONTS:
        path = next((path for path in choices if Path(path).exists()), None)
        if path:
            found.append(ImageFont.truetype(path, size))
    return tuple(found)


@cache
def _font_index(character: str) -> int | None:
    """Return which font of the chain has a character; None when it had better be left out."""
    if unicodedata.category(character) in _UNSEEN:
        return None
    # Right-to-left scripts need shaping and reordering: half right would be wrong.
    if unicodedata.bidirectional(character) in ("R", "AL"):
        return None
    if character.isspace():
        return 0
    for index, font in enumerate(_fonts(_PROBE_SIZE)):
        drawn, missing = font.getmask(character), font.getmask(_NO_CHARACTER)
        if drawn.getbbox() and bytes(drawn) != bytes(missing):
            return index
    return None


def drawable(text: str) -> str:
    """Return the part of a text that can be drawn, on one line, with single spaces."""
    kept = (
        character
        for character in unicodedata.normalize("NFC", text[:_LONGEST_TEXT])
        if character.isspace() or _font_index(character) is not None
    )
    return " ".join("".join(kept).split())


def width_of(text: str, size: int, tracking: float = 0.0) -> float:
    """Return the width in pixels; `tracking` is added after each letter."""
    total = tracking * len(text)
    for font, run in _runs(text, size):
        total += font.getlength(run)
    return total


def draw_text(
    image: Image.Image, place: tuple[float, float], text: str, size: int, tracking: float = 0.0
) -> None:
    """Draw white text into a greyscale image; `place` is the left end of the baseline."""
    pen = ImageDraw.Draw(image)
    x, y = place
    for font, run in _runs(text, size):
        for piece in run if tracking else (run,):
            pen.text((x, y), piece, fill=255, font=font, anchor="ls")
            x += font.getlength(piece) + tracking


def _runs(text: str, size: int) -> list[tuple[Font, str]]:
    """Split a text where its font changes."""
    fonts = _fonts(size)
    runs: list[tuple[Font, str]] = []
    for character in text:
        font = fonts[_font_index(character) or 0]
        if runs and runs[-1][0] is font:
            runs[-1] = (font, runs[-1][1] + character)
        else:
            runs.append((font, character))
    return runs


def wrapped(text: str, size: int, width: float, most_lines: int) -> list[str]:
    """Break a text into lines of at most `width` pixels; what is left over becomes an ellipsis."""
    lines: list[str] = []
    line = ""
    for piece in _pieces(text, size, width):
        if line and width_of((line + piece).rstrip(), size) > width:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    lines.append(line.rstrip())
    if len(lines) > most_lines:
        lines = lines[:most_lines]
        lines[-1] = _shortened(lines[-1], size, width)
    return [line for line in lines if line]


def _pieces(text: str, size: int, width: float) -> list[str]:
    """Return what may not be broken: words with their space, single wide characters."""
    pieces: list[str] = []
    word = ""
    for character in text:
        wide = unicodedata.east_asian_width(character) in ("W", "F")
        if word and (wide or width_of(word + character, size) > width):
            pieces.append(word)
            word = ""
        word += character
        if wide or character == " ":
            pieces.append(word)
            word = ""
    return [*pieces, word] if word else pieces


def _shortened(line: str, size: int, width: float) -> str:
    while line and width_of(line + "…", size) > width:
        line = line[:-1]
    return line.rstrip(" ,.;:-") + "…"
