"""The files that the rules are about, read once, and parsed where a rule needs it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

PACKAGES = ("platform_site", "accounts", "billing", "generations")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Problem:
    """What breaks a rule, and where; line 0 is the file as a whole."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        """Return it as compilers write it."""
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.message}"


@dataclass(frozen=True)
class Module:
    """One Python file; `path` is relative to the tree's root."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Return the file as Python reads it."""
        return ast.parse(self.text, self.path)

    @property
    def name(self) -> str:
        """Return the file's name without its ending."""
        return self.path.rpartition("/")[2].removesuffix(".py")

    def definitions(self) -> Iterator[Definition]:
        """Yield its classes and functions, nested ones included, by line."""
        found = (node for node in ast.walk(self.tree) if isinstance(node, Definition))
        yield from sorted(found, key=lambda node: node.lineno)


def modules(root: Path, *folders: str) -> Iterator[Module]:
    """Yield the Python files of `folders` under `root`, migrations left out, by path."""
    for folder in folders:
        yield from files_of(root, folder)


@cache
def files_of(root: Path, folder: str) -> tuple[Module, ...]:
    """Return the Python files of one folder; they are read once."""
    found = []
    for file in sorted((root / folder).rglob("*.py")):
        path = file.relative_to(root)
        if "migrations" not in path.parts:
            found.append(Module(path.as_posix(), file.read_text()))
    return tuple(found)
