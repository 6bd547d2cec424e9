"""Text and numbers from outside: what comes out can be stored, sent, logged and shown."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_site.text.untrusted import clean_number, clean_text, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Too dark.", "Too dark."),
        ("  a\t b\r\n\r\nc\u2028d\x1ce\x85f\u3000g ", "a b c d e f g"),
        ("a\0b\x1b[31mc\x7fd\x9be", "ab[31mcde"),
        ("user\u202egnp.exe\u2066!", "usergnp.exe!"),
        ("\ud800 half \udfff", "\ufffd half \ufffd"),
        ("👩‍👩‍👧 东方 שלום", "👩‍👩‍👧 东方 שלום"),
        (7, "7"),
        (7.5, "7.5"),
        (10**400, ""),
        (True, ""),
        (None, ""),
        (["a"], ""),
        ({"a": 1}, ""),
        (b"a", ""),
    ],
)
def test_f17_a_text_is_one_clean_line(value: object, text: str) -> None:
    assert clean_text(value, most=60) == text


def test_f17_a_text_is_cut_by_characters_after_it_is_cleaned() -> None:
    assert clean_text("\0" * 100 + "东" * 100, most=60) == "东" * 60
    assert clean_text("x" * 59 + " y", most=60) == "x" * 59


@given(st.text(st.characters(codec=None, categories=None)), st.integers(1, 30))
def test_f17_whatever_comes_in_a_text_can_be_encoded_and_is_cleaned_once(
    value: str, most: int
) -> None:
    text = clean_text(value, most=most)
    assert len(text) <= most
    assert "\0" not in text
    assert text.encode().decode() == text
    assert clean_text(text, most=most) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (5.0, 5),
        (5.5, 5.5),
        (0, 0),
        (10, 10),
        (-1, None),
        (11, None),
        (10.000001, None),
        (10**400, None),
        (-(10**400), None),
        (float("nan"), None),
        (float("inf"), None),
        (float("-inf"), None),
        (True, None),
        ("5", None),
        (None, None),
        ([5], None),
    ],
)
def test_f17_a_number_is_within_its_bounds_or_none(value: object, number: object) -> None:
    read = clean_number(value, least=0, most=10)
    assert (read, type(read)) == (number, type(number))


def test_f17_a_picture_of_anything_is_short_and_printable() -> None:
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]
    wide = {f"{number}\0": ["\ud800\n" * 1000] for number in range(1000)}
    for value in (deep, wide, "x" * 10**6, b"\xff" * 10**6, 10**4000, "\x1b]0;\x07", None):
        picture = shown(value)
        assert len(picture) <= 300
        assert picture.isprintable()
        assert json.loads(json.dumps(picture)) == picture


def test_f17_numbers_that_python_refuses_to_write_are_no_error() -> None:
    assert clean_text(10**5000, most=60) == ""
    assert clean_number(-(10**5000), least=0, most=10) is None
    assert shown([10**5000]) == "<list>"
