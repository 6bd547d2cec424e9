"""The Pythons of this machine that Dailies runs on, and environments made with `make`."""

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MINUTE = 60


@functools.cache
def find_python(minor: str) -> str | None:
    """Return a Python of that version, such as "3.12", that can make environments, or None."""
    for candidate in _candidates(minor):
        code = "import ensurepip, venv, sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run(
            [candidate, "-I", "-c", code], capture_output=True, text=True, check=False
        )
        if done.stdout.strip() == minor:
            return candidate
    return None


def _candidates(minor: str) -> Iterator[str]:
    """Yield the one that runs, what the PATH has, and what pyenv keeps beside the chosen one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    beside = sorted(pyenv.glob(f"versions/{minor}.*/bin"))
    for folder in (f"{sys.base_prefix}/bin", *os.get_exec_path(), *map(str, beside)):
        if found := shutil.which(f"python{minor}", path=folder):
            yield found


def apart(home: Path, index_url: str) -> dict[str, str]:
    """Return an environment with this index and nothing that this machine's pip is set up with."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index_url,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
    }


def run(command: Iterable[str], environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a command at the top of this project; all that it printed is in `stdout`."""
    return subprocess.run(
        list(command),
        cwd=ROOT,
        env=dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=5 * MINUTE,
    )


class Scratch:
    """An environment in a folder of its own, kept by this project's Makefile."""

    def __init__(self, folder: Path, *, python: str, index_url: str) -> None:
        """Name its places; nothing is made yet, and `locks` is to be filled."""
        self.venv = folder / "venv"
        self.locks = folder / "locks"
        self.locks.mkdir(parents=True)
        self._variables = [f"PYTHON={python}", f"VENV={self.venv}", f"LOCKS={self.locks}"]
        self._environ = apart(folder, index_url)

    def make(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Make targets of the Makefile here."""
        command = ("make", "--no-print-directory", *self._variables, *arguments)
        return run(command, self._environ | environ)

    def installed(self) -> dict[str, str]:
        """Return the version of each package that is there, without what `venv` itself brings."""
        code = "[(each.name.lower(), each.version) for each in importlib.metadata.distributions()]"
        found = dict(self._value("importlib.metadata", code))
        return {name: found[name] for name in sorted(found.keys() - {"pip", "setuptools"})}

    def markers(self) -> dict[str, str]:
        """Return what markers are compared with here; `packaging` must be installed."""
        return dict(self._value("packaging.markers", "packaging.markers.default_environment()"))

    def _value(self, module: str, expression: str) -> Any:
        code = f"import json, {module}; print(json.dumps({expression}))"
        command = (str(self.venv / "bin" / "python"), "-I", "-c", code)
        return json.loads(run(command, self._environ).stdout)
