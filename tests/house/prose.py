"""Words that no sentence has, be it on a page, in a message, a docstring or the documentation.

The product's voice and its terms are docs/glossary.md's. Names in code are judged by `names`.
"""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import PACKAGES, Problem, modules

# A pattern, in any case and with any apostrophe and space, and what is said instead.
INSTEAD = {
    r"g[ia]ve[ns]? (?:\w+ )?back|giving (?:\w+ )?back": "released, or returned",
    r"under way": "in progress",
    r"until the vendor's word": "until the vendor answers",
    r"ordered(?! (?:by|set))|orders|to order|an order(?! (?:by|of))"
    r"|(?:his|her|your|whose) order(?! (?:by|of))": "submitted, created",
    r"afresh|anew": "again",
    r"for ever": "forever",
    r"by (?:itself|themselves)": "automatically, or alone",
    r"dear|dearer|dearest": "expensive, or above so many credits",
    r"lately": "recently",
    r"e-mails?": "email",
    r"in the history for good": "recorded permanently",
    r"this day": "today",
    r"an? hours? window|a hour": "per hour",
}
_FOUND = {
    re.compile(
        rf"(?<![\w{{-])(?:{pattern})(?![\w-])".replace("'", "['’]").replace(" ", r"\s+"), re.I
    ): say
    for pattern, say in INSTEAD.items()
} | {re.compile(r"[\d}] %(?![}sdr(\w])"): "80%, without a space"}
_TEXTS = (
    *("*.md", "docs/**/*.md", "templates/**/*.html", "templates/**/*.js"),
    *("templates/**/mail/*.txt", "templates/**/email/*.txt", "templates/**/messages/*.txt"),
)
_TAG = re.compile(r"\{%.*?%\}|\{#|#\}", re.S)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.S)
_SPOKEN = (tokenize.COMMENT, tokenize.STRING)


def words_in_prose(root: Path) -> Iterator[Problem]:
    """Yield the sentences of pages, documentation and Python with a word that is kept out."""
    for module in modules(root, *PACKAGES, "sandbox"):
        for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
            if token.type in _SPOKEN:
                yield from _judged(module.path, token.string, token.start[0])
    for pattern in _TEXTS:
        for path in sorted(root.glob(pattern)):
            text = path.read_text()
            for code in (_TAG, _CODE):
                text = code.sub(_blank, text)
            yield from _judged(path.relative_to(root).as_posix(), text, 1)


def _blank(code: re.Match[str]) -> str:
    """Keep only the lines of what is no prose."""
    return "\n" * code[0].count("\n")


def _judged(path: str, text: str, first_line: int) -> Iterator[Problem]:
    hits = ((found, say) for one, say in _FOUND.items() for found in one.finditer(text))
    for found, say in sorted(hits, key=lambda hit: hit[0].start()):
        words = " ".join(found[0].split())
        line = first_line + text.count("\n", 0, found.start())
        yield Problem(path, line, f"“{words}” is not how we speak; say {say}")
