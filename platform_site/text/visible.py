"""What of a text can be seen, and what was only pasted along with it."""

import re
import unicodedata

from django.core.exceptions import ValidationError

from platform_site.logs import redact
from platform_site.text.untrusted import clean_text

# Blank without being white space or a control, by Unicode's own category.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u17b4\u17b5\U0001d159\ufffc")
# Where signs are still added: what is unassigned there may be an emoji or a CJK sign of tomorrow.
_GROWING = re.compile("[\U0001f000-\U0001fbff\U00020000-\U0003fffd]")
_BLANK_MARKS = re.compile("[\u034f\u180b-\u180f\ufe00-\ufe0f\U000e0000-\U000e0fff]")
_EMOJI_MARKS = re.compile("\ufe0f|(?<=\U0001f3f4)[\U000e0020-\U000e007f]+")
_LONGEST_REASON = 500
_QUOTES = "\"'`´“”„‟‘’‚‹›«»"
_AROUND_IDS = f"{_QUOTES}()[]{{}}<>,;."
# A key may hold "=" and ":" itself: only what is named so is surely a name.
_NAMED_SECRET = re.compile(
    r"(export\s+)?((?i:authorization|x-api-key|api[ _-]?key)|[A-Z][A-Z0-9_]*_(KEY|TOKEN|SECRET))"
    r"\s*[=:]\s*(?=\S)"
)
_SCHEME = re.compile(r"(bearer|token|key)(\s+|(?=[\"'`“]))", re.IGNORECASE)
_NAMED_ID = re.compile(r"[\"'`]?(task[ _-]?)?id[\"'`]?\s*[:=]\s*", re.IGNORECASE)


def is_visible(character: str) -> bool:
    """Return whether a character shows something: no white space, control, mark, filler or code
    that stands for no character.
    """
    if character in _BLANK_LETTERS or _BLANK_MARKS.match(character):
        return False
    category = unicodedata.category(character)
    if category == "Cn":
        return _GROWING.match(character) is not None
    return category not in {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"}


def is_blank(text: str) -> bool:
    """Return whether nothing of a text can be seen: whoever reads it takes it for empty.

    Accents with nothing to stand on are seen by nobody either.
    """
    return not any(map(_stands_alone, text))


def require_visible(text: str) -> None:
    """Be a form field's validator: raise `ValidationError` for text of which nothing is seen."""
    if is_blank(text):
        raise ValidationError("Enter some visible text.")


def visible_line(text: str) -> str:
    """Return text of one line, without what cannot be seen before and after it; "" if all of it.

    Within, joiners and marks of direction stay: scripts need them.
    """
    if is_blank(text):
        return ""
    first = next(at for at, character in enumerate(text) if _stands_alone(character))
    last = max(at for at, character in enumerate(text) if is_visible(character))
    # What makes an emoji of the last character belongs to it.
    end = _EMOJI_MARKS.match(text, last + 1)
    return " ".join(text[first : end.end() if end else last + 1].split())


def typed_reason(text: str) -> str:
    """Return the reason that a person typed, as rows and pages have it: one line of at most 500
    characters, without controls and marks of direction, which would turn the words around it, and
    with a key that was pasted into it masked; "" when nothing of it can be seen.
    """
    line = clean_text(visible_line(text), most=len(text))
    return redact(line)[:_LONGEST_REASON]


def bare_secret(text: str) -> str:
    """Return a pasted key without what surely is none of it: what cannot be seen, line breaks,
    quotes around it, and `Bearer`, `Authorization:` or `NAME=` before it.

    White space within a line stays, for whoever judges the key to name; and so does the break
    between two lines that begin alike, which are two keys.
    """
    cleaned = ("".join(map(_in_secret, line)).strip() for line in text.splitlines())
    lines = [line for line in cleaned if line]
    are_two = any(line.startswith(lines[0][:3]) for line in lines[1:])
    secret = ("\n" if are_two else "").join(lines)
    for _ in range(4):
        before = secret
        secret = secret.strip(_QUOTES).strip()
        secret = _SCHEME.sub("", secret, count=1) if _SCHEME.match(secret) else secret
        secret = _NAMED_SECRET.sub("", secret, count=1) if _NAMED_SECRET.match(secret) else secret
        if secret == before:
            break
    return secret


def bare_id(text: str) -> str:
    """Return a pasted id without what surrounds it: what cannot be seen, quotes, brackets, a
    sentence's signs, `taskId:` before it, or the address that ends in it.
    """
    found = "".join(filter(_is_visible_or_space, text)).strip()
    for _ in range(4):
        before = found
        found = found.strip(_AROUND_IDS).strip()
        if "/" in found:
            path = re.split(r"[?#]", found, maxsplit=1)[0]
            found = path.rstrip("/").rpartition("/")[2]
        found = _NAMED_ID.sub("", found, count=1) if _NAMED_ID.match(found) else found
        if found == before:
            break
    return found


def _stands_alone(character: str) -> bool:
    return is_visible(character) and unicodedata.category(character)[0] != "M"


def _is_visible_or_space(character: str) -> bool:
    return character.isspace() or is_visible(character)


def _in_secret(character: str) -> str:
    return " " if character.isspace() else character if is_visible(character) else ""
