"""Compare locks with what they were made from, and an environment with its lock.

    python -I requirements/check.py complete requirements/runtime.txt requirements/dev.txt
    python -I requirements/check.py installed requirements/dev.txt

pip installs a lock without asking what its packages require, and `pip check` does not know extras.
So `complete` follows every requirement from `*.in` on, for each Python that Dailies runs on. What a
release requires is read where it is installed; a release that only another Python or system
installs is named instead of followed.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import Distribution, distributions
from itertools import combinations
from pathlib import Path
from typing import cast

from packaging.markers import Marker, default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PYTHONS = ("3.11", "3.12", "3.13")
# A marker can tell the first releases of a Python from the later ones.
PATCHES = ("0", "99")
# What `python -m venv` puts into every environment.
BUILT_IN = {"pip", "setuptools"}
HASH = re.compile(r"sha256:[0-9a-f]{64}")
SHOWN = 10

Environment = Mapping[str, str]
Installed = Mapping[str, Sequence[Distribution]]


@dataclass(frozen=True)
class Pin:
    """One release that a lock names, and where it applies."""

    name: str
    version: Version
    marker: Marker | None
    hashed: bool

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def applies(self, environment: Environment) -> bool:
        """Return whether it is installed in that environment."""
        return self.marker is None or self.marker.evaluate(dict(environment))


def read_lock(path: Path) -> list[Pin]:
    """Return the pins of a lock; raise ValueError for a line that pins nothing."""
    return [_pin(line, path) for line in _lines(path)]


def read_wanted(path: Path) -> list[Requirement]:
    """Return the requirements of a `.in` file and of those it includes; raise ValueError."""
    wanted: list[Requirement] = []
    for line in _lines(path):
        if line.startswith("-r "):
            wanted += read_wanted(path.parent / line.removeprefix("-r ").strip())
        else:
            wanted.append(_requirement(line, path))
    return wanted


def _lines(path: Path) -> Iterator[str]:
    joined = ""
    for line in path.read_text().splitlines():
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        # Like pip: a comment does not go on in the next line, whatever it ends with.
        if text.endswith("\\"):
            joined += text.removesuffix("\\")
            continue
        joined += text
        if joined.strip():
            yield joined.strip()
        joined = ""


def _requirement(text: str, path: Path) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise ValueError(f"{path}: “{text}” is not a requirement.") from error


def _pin(line: str, path: Path) -> Pin:
    text, *hashes = re.split(r"\s+--hash=", line)
    requirement = _requirement(text, path)
    exact = re.fullmatch(r"==([^*,=]+)", str(requirement.specifier))
    if exact is None:
        raise ValueError(f"{path}: “{text}” does not name one release.")
    return Pin(
        name=canonicalize_name(requirement.name),
        version=Version(exact[1]),
        marker=requirement.marker,
        hashed=bool(hashes) and all(HASH.fullmatch(text.strip()) for text in hashes),
    )


def environments() -> Iterator[Environment]:
    """Yield the running Python's environment, then each that the locks are for on this system."""
    here = cast("dict[str, str]", default_environment())
    yield here
    for python in PYTHONS:
        for patch in PATCHES:
            full = f"{python}.{patch}"
            versions = {"python_full_version": full, "implementation_version": full}
            yield here | versions | {"python_version": python}


def installed_by_name(found: Iterable[Distribution]) -> Installed:
    """Return what is installed; what lost its name in an install that was killed has none."""
    named: dict[str, list[Distribution]] = {}
    for each in found:
        names = each.metadata.get_all("Name") or [""]
        named.setdefault(canonicalize_name(names[0]), []).append(each)
    return named


@dataclass
class Walk:
    """All that one environment needs, followed through its pins."""

    pins: Sequence[Pin]
    installed: Installed
    environment: Environment
    problems: list[str] = field(default_factory=list)
    reached: set[Pin] = field(default_factory=set)
    unknown: set[Pin] = field(default_factory=set)
    _seen: set[tuple[Pin, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Leave out the pins that do not apply."""
        self.pins = [pin for pin in self.pins if pin.applies(self.environment)]

    def follow(self, wanted: Iterable[Requirement], by: str, extra: str = "") -> None:
        """Look for the pin of each requirement, and go on with what that release requires."""
        for requirement in wanted:
            marker = requirement.marker
            if marker and not marker.evaluate({**self.environment, "extra": extra}):
                continue
            pin = self._find(requirement, by)
            if pin is None:
                continue
            self.reached.add(pin)
            for its_extra in ("", *requirement.extras):
                self._enter(pin, its_extra)

    def _find(self, requirement: Requirement, by: str) -> Pin | None:
        name = canonicalize_name(requirement.name)
        found = [pin for pin in self.pins if pin.name == name]
        if len(found) != 1:
            how = "more than once" if found else "nowhere"
            self.problems.append(f"{requirement} (for {by}) is pinned {how}")
            return None
        if not requirement.specifier.contains(found[0].version, prereleases=True):
            self.problems.append(f"{requirement} (for {by}) is pinned as {found[0].version}")
        return found[0]

    def _enter(self, pin: Pin, extra: str) -> None:
        if (pin, extra) in self._seen:
            return
        self._seen.add((pin, extra))
        for each in self.installed.get(pin.name, ()):
            if Version(each.version) == pin.version:
                self.follow(_requires(each), str(pin), extra)
                return
        self.unknown.add(pin)


@cache
def _requires(release: Distribution) -> list[Requirement]:
    return [Requirement(text) for text in release.requires or ()]


def incomplete(lock: Path, installed: Installed) -> tuple[list[str], list[str]]:
    """Return what is wrong with a lock, and the releases whose requirements nobody here knows."""
    pins, source = read_lock(lock), lock.with_suffix(".in")
    wanted = read_wanted(source)
    problems = [f"{pin} is pinned without hashes" for pin in pins if not pin.hashed]
    unknown: set[Pin] = set()
    for number, environment in enumerate(environments()):
        walk = Walk(pins, installed, environment)
        walk.follow(wanted, source.name)
        where = f"on Python {environment['python_full_version']}"
        problems += [f"{problem} {where}" for problem in walk.problems]
        if number == 0:  # the running Python, which has all that it needs
            problems += [f"{pin} is not installed" for pin in walk.unknown]
        # What is unknown may require the rest.
        if not walk.unknown:
            unused = set(walk.pins) - walk.reached
            problems += [f"{pin} is pinned and nothing requires it {where}" for pin in unused]
        unknown |= walk.unknown
    return sorted(set(problems)), sorted(map(str, unknown))


def disagreements(first: Path, second: Path) -> list[str]:
    """Return what two locks pin differently: they share one environment."""
    found: set[str] = set()
    for environment in environments():
        one, other = (
            {pin.name: pin.version for pin in read_lock(lock) if pin.applies(environment)}
            for lock in (first, second)
        )
        found |= {name for name in one.keys() & other.keys() if one[name] != other[name]}
    return [f"{name} is pinned differently in {first} and {second}" for name in sorted(found)]


def leftovers(lock: Path, installed: Installed) -> list[str]:
    """Return the names of what is installed and in no lock of this lock's folder.

    Any lock counts, because `make run` also works in the environment of a developer.
    """
    here = next(environments())
    pins = [pin for beside in lock.parent.glob("*.txt") for pin in read_lock(beside)]
    return sorted(installed.keys() - BUILT_IN - {pin.name for pin in pins if pin.applies(here)})


def differences(lock: Path, installed: Installed) -> list[str]:
    """Return what the running Python's environment has otherwise than the lock."""
    here = next(environments())
    problems = [f"“{name}” is installed and in no lock" for name in leftovers(lock, installed)]
    for pin in read_lock(lock):
        if pin.applies(here):
            problems += _wrong(pin, installed.get(pin.name, []))
    return problems


def _wrong(pin: Pin, found: Sequence[Distribution]) -> Iterator[str]:
    if not found:
        yield f"{pin} is not installed"
    if len(found) > 1:
        yield f"{pin.name} is installed more than once"
    for each in found:
        if Version(each.version) != pin.version:
            yield f"{pin} is installed as {each.version}"
        elif each.read_text("RECORD") is None:  # what pip writes last
            yield f"{pin} is installed in part"


def main(task: str, *names: str) -> int:
    """Do the task, print what is wrong, and return the exit status."""
    locks = [Path(name) for name in names]
    installed = installed_by_name(distributions())
    try:
        problems = TASKS[task](locks, installed)
    except (OSError, ValueError) as error:
        problems = [str(error)]
    for problem in problems[:SHOWN]:
        sys.stderr.write(f"{problem}\n")
    if problems[SHOWN:]:
        sys.stderr.write(f"… and {len(problems) - SHOWN} more\n")
    return 1 if problems else 0


def _complete(locks: Sequence[Path], installed: Installed) -> list[str]:
    problems = [
        problem for one, other in combinations(locks, 2) for problem in disagreements(one, other)
    ]
    for lock in locks:
        wrong, unknown = incomplete(lock, installed)
        problems += [f"{lock}: {problem}" for problem in wrong]
        if not wrong:
            here = f"{sys.version_info.major}.{sys.version_info.minor}"
            others = " and ".join(python for python in PYTHONS if python != here)
            sys.stdout.write(f"{lock} is complete for Python {here}. For {others} too, unless ")
            sys.stdout.write(f"what only they install requires more: {', '.join(unknown)}\n")
    return problems


def _installed(locks: Sequence[Path], installed: Installed) -> list[str]:
    return [problem for lock in locks for problem in differences(lock, installed)]


def _leftovers(locks: Sequence[Path], installed: Installed) -> list[str]:
    for name in leftovers(locks[0], installed):
        sys.stdout.write(f"{name}\n")
    return []


TASKS = {"complete": _complete, "installed": _installed, "leftovers": _leftovers}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
