"""The trees that are measured: this one, and another commit of this repository."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_NORMAL, _FULL = "PRAGMA synchronous=NORMAL", "PRAGMA synchronous=FULL"


class BaseError(Exception):
    """The commit given as BASE cannot be measured; the message says why."""


@dataclass(frozen=True)
class Tree:
    """A checked-out commit; `notes` say what was done to it so that it compares."""

    name: str  # "this" or "base"
    commit: str
    folder: Path
    notes: tuple[str, ...] = ()

    def environ(self) -> dict[str, str]:
        """Return an environment in which Python imports this tree's packages and no other's."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": ""}


def this_tree() -> Tree:
    """Return the tree that this harness stands in, changes that are not committed included."""
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return Tree("this", _commit("HEAD") + (" with changes" if changed else ""), ROOT)


@contextlib.contextmanager
def base_tree(name: str) -> Iterator[Tree]:
    """Check out a commit into a folder of its own; it runs in this tree's virtual environment.

    A SQLite that may lose its last commits at a power cut is made to keep them, as this tree's
    does. Raises BaseError for what is no commit, or what does not start in this environment.
    """
    commit = _commit(name)
    with tempfile.TemporaryDirectory(prefix="dailies-bench-base-") as path:
        folder = Path(path)
        archive = subprocess.Popen(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", path], stdin=archive.stdout, check=True)
        if archive.wait():
            raise BaseError(f"{commit} cannot be checked out.")
        notes = [f"{commit} runs with the packages of this tree"] if _locks_differ(folder) else []
        settings = folder / "platform_site" / "settings.py"
        text = settings.read_text()
        if _NORMAL in text:
            settings.write_text(text.replace(_NORMAL, _FULL))
            notes.append(f"{commit}'s SQLite with synchronous=FULL, by a change to its settings")
        tree = Tree("base", commit, folder, tuple(notes))
        _require_start(tree)
        yield tree


def _require_start(tree: Tree) -> None:
    with tempfile.TemporaryDirectory(prefix="dailies-bench-") as data:
        done = subprocess.run(
            [sys.executable, "manage.py", "help", "worker"],
            cwd=tree.folder,
            env={**tree.environ(), "DATA_DIR": data},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BaseError(
            f"BASE={tree.commit} does not start with this tree's packages ({last}). Its own "
            "requirements differ too much; choose a later commit."
        )


def _locks_differ(folder: Path) -> bool:
    theirs = folder / "requirements" / "runtime.txt"
    return theirs.read_text() != (ROOT / "requirements" / "runtime.txt").read_text()


def _commit(name: str) -> str:
    found = _git("rev-parse", "--short=8", "--verify", "--quiet", f"{name}^{{commit}}")
    if not found:
        raise BaseError(f"BASE={name} is no commit of this repository.")
    return found


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""
