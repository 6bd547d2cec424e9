"""What can be seen of a text, and what was pasted along with it (F8, F11, F12)."""

import pytest
from django.core.exceptions import ValidationError

from platform_site.text.visible import (
    bare_id,
    bare_secret,
    is_blank,
    require_visible,
    typed_reason,
    visible_line,
)

KEY = "sk-0123456789abcdef"
INVISIBLE = {
    "nothing": "",
    "spaces": " \t\r\n",
    "no-break spaces": "\u00a0\u202f\u2007",
    "zero-width": "\u200b\u200c\u200d\u2060",
    "byte-order mark": "\ufeff",
    "directions": "\u200e\u200f\u202a\u202e\u2066\u2069\u061c",
    "variation selectors": "\ufe0f\ufe00\U000e0100",
    "Mongolian selectors": "\u180b\u180e",
    "Hangul fillers": "\u115f\u1160\u3164\uffa0",
    "braille blank": "\u2800",
    "tags": "\U000e0001\U000e0041\U000e007f",
    "grapheme joiner": "\u034f",
    "soft hyphen": "\u00ad",
    "Khmer vowels": "\u17b4\u17b5",
    "separators": "\u2028\u2029\u0085",
    "controls": "\0\x1b\x7f",
    "half a pair": "\ud800",
    "null note": "\U0001d159",
    "invisible times": "\u2062\u2063\u2064",
    "ideographic space": "\u3000",
    "a place for an object": "\ufffc",
    "accents alone": "\u0301\u0308",
    "Khitan filler": "\U00016fe4",
    "no characters": "\ufdd0\ufffe\U0001ffff",
    "not assigned": "\u2065\ufff0\u0378",
}


@pytest.mark.parametrize("text", INVISIBLE.values(), ids=INVISIBLE.keys())
def test_f12_text_of_which_nothing_is_seen_is_blank(text: str) -> None:
    assert is_blank(text)
    assert is_blank(text * 3 + "\u200b" + text)
    assert not is_blank(f"{text}a{text}")
    assert visible_line(f"{text}a b{text}").startswith("a b")
    assert visible_line(text) == typed_reason(text) == ""
    with pytest.raises(ValidationError):
        require_visible(text)
    require_visible(f"{text}.")


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "猫",
        "שלום",
        "👩‍🎤",
        "⠁",
        "ㅎ",
        ".",
        "e\u0301",
        "कि",
        "\U0001fadf",
        "\U000323b0",
        "🏴\U000e0067\U000e007f",
        "0",
        "\u0e01",
    ],
)
def test_f12_text_of_any_script_is_seen(text: str) -> None:
    assert not is_blank(text)
    assert visible_line(f"\u200b {text} ") == text


def test_f12_what_scripts_need_within_a_name_stays() -> None:
    for text in ("می‌خواهم", "❤️", "👨‍👩‍👧", "א\u200fב"):
        assert visible_line(text) == text


def test_f15_a_reason_is_one_line_with_its_keys_masked() -> None:
    said = typed_reason(f" the key {KEY}\n is\0 broken ")
    assert said == "the key sk-…cdef is broken"
    assert len(typed_reason("x" * 900)) == 500


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\x07", "\x1b", "\0", "\x9b"], ids=ascii)
def test_f12_a_reason_holds_no_control_and_turns_no_words_around(mark: str) -> None:
    assert typed_reason(f"Too{mark} long{mark}, {mark} see") == "Too long, see"


@pytest.mark.parametrize(
    "pasted",
    [
        KEY,
        f"  {KEY}\r\n",
        f"\ufeff{KEY}\u200b",
        "sk-\u200b0123\u00ad456789\u2060abcdef",
        f'"{KEY}"',
        f"'{KEY}'",
        f"“{KEY}”",
        f"`{KEY}`",
        f"Bearer {KEY}",
        f"bearer\t{KEY}",
        f"Authorization: Bearer {KEY}",
        f'"Bearer {KEY}"',
        f'Bearer "{KEY}"',
        f"Bearer Bearer {KEY}",
        f"API_KEY={KEY}",
        f'export AIVIDEO_API_KEY="{KEY}"',
        f"api key: {KEY}",
        f"x-api-key: {KEY}",
        "sk-0123456\n789abcdef",
        "sk-0123456\r\n   789abcdef\n",
    ],
    ids=ascii,
)
def test_f08_what_surely_is_no_part_of_a_key_is_left_out(pasted: str) -> None:
    assert bare_secret(pasted) == KEY


@pytest.mark.parametrize(
    ("pasted", "left"),
    [
        ("sk-0123 4567", "sk-0123 4567"),
        ("sk–01234567", "sk–01234567"),
        (f"{KEY}\nsk-another0123", f"{KEY}\nsk-another0123"),
        ("sk-abc=def:ghi==", "sk-abc=def:ghi=="),
        ("API_KEY_sk-abc", "API_KEY_sk-abc"),
        ("", ""),
        ("Bearer", "Bearer"),
        ('""', ""),
    ],
    ids=ascii,
)
def test_f08_what_may_be_part_of_a_key_stays(pasted: str, left: str) -> None:
    assert bare_secret(pasted) == left


@pytest.mark.parametrize(
    "pasted",
    [
        "t-12.3",
        " t-12.3\n",
        "\u200bt-12.3\ufeff",
        '"t-12.3"',
        "“t-12.3”.",
        "(t-12.3)",
        "<t-12.3>,",
        "taskId: t-12.3",
        '"taskId": "t-12.3",',
        "task_id=t-12.3",
        "id: `t-12.3`",
        "https://api.vendor.example/v1/tasks/t-12.3",
        "https://api.vendor.example/v1/tasks/t-12.3/?page=2#top",
        "/v1/tasks/t-12.3/",
        "GET /v1/tasks/t-12.3",
    ],
    ids=ascii,
)
def test_f11_what_surrounds_an_id_is_ignored(pasted: str) -> None:
    assert bare_id(pasted) == "t-12.3"


@pytest.mark.parametrize("pasted", ["", "   ", "\u200b", '""', "/", "two words"])
def test_f11_what_is_no_id_stays_none(pasted: str) -> None:
    assert bare_id(pasted) in {"", "two words"}
