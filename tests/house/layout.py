"""Folders that stay small, docstrings that are contracts, and one name for one thing."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import PACKAGES, Definition, Problem, modules

MOST_MODULES = 16
# Names that said several things at once; each may say one.
ONCE = frozenset(
    {"tell", "announce", "Place", "Answer", "Verdict", "Line", "subject_of", "waiting_approvals"}
)


def large_folders(root: Path) -> Iterator[Problem]:
    """Yield folders with too many modules; `__init__.py`, migrations and subfolders don't count."""
    counts = Counter(
        module.path.rpartition("/")[0]
        for module in modules(root, *PACKAGES)
        if module.name != "__init__"
    )
    for folder, count in sorted(counts.items()):
        if count > MOST_MODULES:
            yield Problem(f"{folder}/", 0, f"has {count} modules; at most {MOST_MODULES}")


def docstrings(root: Path) -> Iterator[Problem]:
    """Yield docstrings that begin with “Tell whether”."""
    for module in modules(root, *PACKAGES, "sandbox", "requirements", "tests"):
        for line, text in enumerate(module.text.splitlines(), 1):
            if text.lstrip().startswith('"""Tell whether'):
                yield Problem(module.path, line, "a docstring says “Return whether …”")


def doubled_names(root: Path) -> Iterator[Problem]:
    """Yield public functions and classes with one of the names in `ONCE` in several modules."""
    found: dict[str, list[tuple[str, int]]] = {}
    for module in modules(root, *PACKAGES):
        for node in _public(module.tree):
            if node.name in ONCE:
                found.setdefault(node.name, []).append((module.path, node.lineno))
    for name, places in sorted(found.items()):
        if len({path for path, _ in places}) > 1:
            for path, line in places:
                others = ", ".join(other for other, _ in places if other != path)
                yield Problem(path, line, f"“{name}” is also in {others}; one name, one thing")


def _public(tree: ast.Module) -> Iterator[Definition]:
    """Yield a module's functions and its classes, those inside of classes included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
