"""Words that names of modules, classes and functions do not have: the field has better ones.

Plain English in docstrings and on pages is not judged, nor are names of variables.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import PACKAGES, Problem, modules

INSTEAD = {
    "job jobs": "generation",
    "order orders": "generation, or submit; the package `ordering` is the act",
    "vendor vendors": "provider",
    "upstream": "provider, or what of the provider's it is: a task, an id, a body",
    "remark remarks": "event",
    "move moves moved moving": "transition, or what changes",
    "asker askers": "poll pool, or whoever requested it",
    "question questions": "poll request, approval or dialog",
    "told": "poll result, or what the words are",
    "tell tells": "notify, record or say",
    "hear hears heard": "handle, or delivered",
    "staff": "start threads",
    "lane lanes turn turns": "fair queue, candidate or queue position",
    "cadence pace pacing": "send rate or congestion window",
    "seat seats place places": "slot, or queue position",
    "meter meters": "usage or sample",
    "level levels": "baseline",
    "drift drifts": "discrepancy",
    "quiet": "stable",
    "beat beats pulse": "heartbeat",
    "presence": "liveness or registry",
    "courier couriers": "delivery worker",
    "keeper keepers": "reaper, or what is kept",
    "stopping": "shutdown",
    "tries": "attempts",
    "hung": "timed out",
    "luck": "jitter",
    "wish wishes wished": "cancel request or pending cancel",
    "doubt doubts doubted doubtful": "mark submit unknown",
    "deed deeds": "action",
    "moment moments": "time, or timeline entry",
    "story stories": "timeline",
}
# Module and name (the module's own is its name): why the word is meant there.
EXCEPTIONS = {
    ("platform_site/admin/shown.py", "moment"): "a list's column of times, and no timeline's entry",
    ("platform_site/stores/bucket.py", "tell"): "the name that file objects have for it",
    ("billing/ledger.py", "_move"): "money does move, between accounts",
}
# Where a word may be in every name below the folder.
HOMES = {"vendor": "generations/vendors/", "vendors": "generations/vendors/"}

_SAY = {word: say for words, say in INSTEAD.items() for word in words.split()}
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words_of(name: str) -> list[str]:
    """Return the words that a name is made of, in lower case."""
    return [word.lower() for word in _PART.findall(name)]


def words_in_names(root: Path) -> Iterator[Problem]:
    """Yield the names of the four packages with a word for which the field has another."""
    folders = set()
    for module in modules(root, *PACKAGES):
        for folder in Path(module.path).parents:
            if folder.name and folder not in folders:
                folders.add(folder)
                yield from _judged(f"{folder.as_posix()}/", folder.name, 0)
        yield from _judged(module.path, module.name, 0)
        for node in module.definitions():
            yield from _judged(module.path, node.name, node.lineno)


def _judged(path: str, name: str, line: int) -> Iterator[Problem]:
    if (path, name) in EXCEPTIONS:
        return
    for word in words_of(name):
        home = HOMES.get(word)
        if word in _SAY and not (home and path.startswith(home)):
            yield Problem(path, line, f"“{name}” says “{word}”; say {_SAY[word]}")
