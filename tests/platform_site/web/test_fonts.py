"""The two fonts that are shipped: light, free, and made of what their list says."""

import re
from pathlib import Path

from django.conf import settings

FOLDER = Path(settings.BASE_DIR) / "templates/static/dailies"
FONTS = sorted((FOLDER / "fonts").glob("*.woff2"))


def test_f13_two_fonts_weigh_less_than_100_kb() -> None:
    assert len(FONTS) == 2
    assert all(font.read_bytes()[:4] == b"wOF2" for font in FONTS)
    assert sum(font.stat().st_size for font in FONTS) < 100_000


def test_each_has_its_licence_beside_it() -> None:
    for font in FONTS:
        licence = font.with_suffix(".LICENSE.txt").read_text()
        assert "SIL Open Font License, Version 1.1" in licence
        assert "Reserved Font Name '" not in licence


def test_the_style_sheet_gives_them_what_they_were_made_for() -> None:
    made_for = _ranges((FOLDER / "fonts/unicodes.txt").read_text())
    style = (FOLDER / "css/base.css").read_text()
    declared = [_ranges(text) for text in re.findall(r"unicode-range:([^;]*);", style)]
    assert declared[:2] == [made_for, made_for]
    assert declared[2] < made_for
    quotes = {ord(sign) for sign in "“”‘’„‚…–—·×→"}
    assert quotes <= made_for


def test_no_page_says_anything_in_full_width() -> None:
    for path in (Path(settings.BASE_DIR) / "templates").rglob("*"):
        if path.suffix in {".html", ".txt", ".css", ".js"}:
            wide = re.findall(r"[\u3000-\u303f\uff00-\uffef]", path.read_text())
            assert not wide, path


def _ranges(text: str) -> set[int]:
    points: set[int] = set()
    for start, end in re.findall(r"U\+([0-9A-F]+)(?:-([0-9A-F]+))?", text):
        points.update(range(int(start, 16), int(end or start, 16) + 1))
    return points
