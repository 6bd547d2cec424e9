"""Text and numbers that someone outside gave, made fit for rows, headers, log lines and pages."""

import re
import reprlib

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# Controls that are no white space, NUL among them, and marks that turn the text after them.
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
# Python refuses to write much longer ones.
_LONGEST_NUMBER = 10**40


def clean_text(value: object, *, most: int) -> str:
    """Return text of one line and at most `most` characters, as both databases count them.

    White space, line breaks among it, comes out as single spaces with none at the ends; other
    control characters, NUL and marks that change the direction of writing are left out; a lone
    surrogate becomes U+FFFD. A number of up to 40 digits becomes its digits; what is neither text
    nor such a number (null, true, lists, objects) becomes "".
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value) if -_LONGEST_NUMBER < value < _LONGEST_NUMBER else ""
    if not isinstance(value, str):
        return ""
    text = _UNWANTED.sub("", _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value))
    return " ".join(text.split())[:most].strip()


def clean_number(value: object, *, least: int, most: int) -> int | float | None:
    """Return a number from `least` to `most`, as an int where it is whole; None for anything else.

    None are, too: true and false, digits in quotes, NaN, infinities, and what is out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not least <= value <= most:  # NaN is neither
        return None
    return int(value) if value == int(value) else value


def shown(value: object, *, most: int = 300) -> str:
    """Return a printable picture of any value for a log line, at most `most` characters long."""
    try:
        picture = _pictures.repr(value)
    except ValueError:  # a whole number of thousands of digits
        picture = f"<{type(value).__name__}>"
    return picture if len(picture) <= most else f"{picture[: most - 1]}…"


_pictures = reprlib.Repr()
_pictures.maxstring = _pictures.maxother = 300
