"""Scripted outcomes: what `[sandbox:…]` in a prompt makes the server do."""

import re
from dataclasses import dataclass
from typing import Final

MODERATION_WORDS: Final = "The input contains sensitive or prohibited content"
CALLBACK_LATE_SECONDS: Final = 20.0
LONGEST_SLOW_SECONDS: Final = 86_400.0

# Name -> what it does. This is the one list of directives; docs/sandbox.md shows it.
DIRECTIVES: Final = {
    "fail": "accepted and charged, then failed and refunded",
    "refuse": "503 upstream_error in the vendor's moderation words, every time",
    "slow": "not done earlier than this many seconds after it was accepted",
    "stuck": "processing forever",
    "429": "429 rate_limit_exceeded",
    "spent": "429 spend_limit_exceeded",
    "402": "402 insufficient_credits",
    "401": "401 invalid_api_key",
    "403": "403 ip_not_allowed",
    "503": "503 upstream_error, temporarily unavailable",
    "500": "500 internal_error in the envelope",
    "500-bare": "500 with an HTML page in place of the envelope",
    "lost-reply": "accepted and charged, then the connection drops without a reply",
    "no-url": "completed with an empty list of URLs",
    "wrong-metadata": "completed; the metadata names another duration and resolution",
    "expired-link": "completed; the link has expired from the start",
    "truncated": "completed; every download, or the first so many, ends halfway",
    "callback": "none, double, late or forged callbacks",
}

# Those that refuse a create call, for the first N attempts: name -> the code of the envelope.
REFUSALS: Final[dict[str, str | None]] = {
    "429": "rate_limit_exceeded",
    "spent": "spend_limit_exceeded",
    "402": "insufficient_credits",
    "401": "invalid_api_key",
    "403": "ip_not_allowed",
    "503": "upstream_error",
    "500": "internal_error",
    "500-bare": None,
}

CALLBACK_MODES: Final = ("none", "double", "late", "forged")

_DIRECTIVE: Final = re.compile(r"\[sandbox:([a-z0-9-]+)(?:=([^\]\s]*))?\]")
_SPACES: Final = re.compile(r"[ \t]{2,}")
_MOST_REFUSALS: Final = 1000


@dataclass(frozen=True, slots=True)
class Script:
    """Hold the directives of one prompt, in their order; unknown ones are left out."""

    steps: tuple[tuple[str, str | None], ...]

    def has(self, name: str) -> bool:
        """Say whether the prompt holds the directive `name`."""
        return any(step == name for step, _ in self.steps)

    @property
    def slow_seconds(self) -> float:
        """Return how long after its acceptance the task may end at the earliest."""
        waits = [_number(value) for name, value in self.steps if name == "slow"]
        return min(max(waits, default=0.0), LONGEST_SLOW_SECONDS)

    @property
    def callback_mode(self) -> str | None:
        """Return none, double, late or forged; None when callbacks behave."""
        modes = [value for name, value in self.steps if name == "callback"]
        return next((mode for mode in modes if mode in CALLBACK_MODES), None)

    @property
    def downloads_cut(self) -> float:
        """Return how many downloads end halfway: infinitely many without a number."""
        for name, value in self.steps:
            if name == "truncated":
                return float("inf") if value is None else _number(value)
        return 0

    @property
    def refuses(self) -> bool:
        """Say whether attempts must be counted for this prompt."""
        return any(name in REFUSALS for name, _ in self.steps)

    def refusal(self, attempt: int) -> str | None:
        """Return the directive that refuses the attempt of this number (from 1), if any does."""
        for name, value in self.steps:
            if name in REFUSALS:
                attempt -= min(max(int(_number(value or "1")), 0), _MOST_REFUSALS)
                if attempt <= 0:
                    return name
        return None


def script_of(prompt: str) -> Script:
    """Read the directives of a prompt."""
    found = ((m[1], m[2]) for m in _DIRECTIVE.finditer(prompt))
    return Script(tuple((name, value) for name, value in found if name in DIRECTIVES))


def without_directives(prompt: str) -> str:
    """Return the prompt as a film's caption should show it."""
    return _SPACES.sub(" ", _DIRECTIVE.sub("", prompt)).strip()


def _number(value: str | None) -> float:
    """Read a finite number of at least 0; anything else counts as 0."""
    try:
        number = float(value or 0)
    except ValueError:
        return 0.0
    return number if 0 <= number < float("inf") else 0.0
