"""Both locks as the Makefile installs them, from an index that has gone on since they were written.

Every Python of this machine that Dailies runs on installs them with the pip that it brings along.
"""

import sys
from importlib.metadata import version
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from packaging.markers import Marker
from packaging.version import Version

from tests.support.package_index import (
    YOUNGER_NEEDS,
    Index,
    build_wheel,
    pins_of,
    relock,
    wheel_file,
    younger,
)
from tests.support.pythons import ROOT, Scratch, apart, find_python, run

LOCKS = ROOT / "requirements"
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def locks(index: Index) -> dict[str, str]:
    """Both locks with the hashes of what the index serves, by file name."""
    index.offer(build_wheel(YOUNGER_NEEDS, "1.0"))
    return {name: relock(LOCKS / name, index) for name in ("runtime.txt", "dev.txt")}


PYTHONS = {minor: found for minor in ("3.11", "3.12", "3.13") if (found := find_python(minor))}


@pytest.fixture(scope="module", params=PYTHONS)
def python(request: pytest.FixtureRequest) -> str:
    """A Python of each version that is here."""
    return PYTHONS[request.param]


@pytest.fixture
def scratch(python: str, index: Index, locks: dict[str, str], tmp_path: Path) -> Scratch:
    """A place for an environment, with both locks and what they were made from."""
    scratch = Scratch(tmp_path, python=python, index_url=index.url)
    for name, text in locks.items():
        (scratch.locks / name).write_text(text)
    for wanted in LOCKS.glob("*.in"):
        (scratch.locks / wanted.name).write_text(wanted.read_text())
    return scratch


def test_the_python_that_runs_the_tests_can_make_environments() -> None:
    assert RUNNING in PYTHONS


def test_f1_both_locks_install_exactly_though_the_index_offers_younger_releases_and_extras(
    scratch: Scratch, index: Index, locks: dict[str, str]
) -> None:
    index.asked()
    for target in ("runtime", "dev"):  # as `make run` and then `make check` do
        done = scratch.make(target)
        assert done.returncode == 0, done.stdout
        wanted = pinned(locks[f"{target}.txt"], scratch)
        assert scratch.installed() == wanted
    assert fetched(index.asked()) == {wheel_file(*pin) for pin in wanted.items()}

    complete = scratch.make("locks")
    assert complete.returncode == 0, complete.stdout
    assert scratch.make("dev").stdout == ""
    assert index.asked() == []


def test_the_index_gives_a_pip_that_resolves_what_is_younger(
    index: Index, locks: dict[str, str], tmp_path: Path
) -> None:
    direct = ("django", "httpx", "pillow", "pytest-cov", "structlog")
    transitive = ("anyio", "asgiref", "coverage", "httpcore", "sqlparse")
    done = resolve(*direct, index=index, home=tmp_path)
    assert done.returncode == 0, done.stdout
    would = set(done.stdout.splitlines()[-1].split())
    pins = {pin.name: pin.version for pin in pins_of(locks["dev.txt"])}
    assert {f"{name}-{younger(pins[name])}" for name in direct + transitive} <= would
    assert f"{YOUNGER_NEEDS}-1.0" in would


@pytest.mark.skipif(
    Version(version("pip")) >= Version("23.3"), reason="This pip has no such fault."
)
def test_f1_a_pip_that_resolves_fails_for_an_extra_that_has_become_younger(
    index: Index, locks: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "dev.txt").write_text(locks["dev.txt"])
    options = ("--require-hashes", "--requirement", str(tmp_path / "dev.txt"))
    done = resolve(*options, index=index, home=tmp_path)
    assert done.returncode != 0
    assert "In --require-hashes mode, all requirements must have their versions" in done.stdout
    (coverage,) = (pin for pin in pins_of(locks["dev.txt"]) if pin.name == "coverage")
    assert wheel_file("coverage", younger(coverage.version)) in done.stdout


def resolve(*arguments: str, index: Index, home: Path) -> "CompletedProcess[str]":
    """Let pip resolve, and install nothing."""
    pip = (sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed")
    return run((*pip, *arguments), apart(home, index.url))


def pinned(text: str, scratch: Scratch) -> dict[str, str]:
    """Return the versions of what a lock pins for an environment's Python."""
    markers = scratch.markers()
    return {
        pin.name: pin.version
        for pin in pins_of(text)
        if pin.marker is None or Marker(pin.marker).evaluate(dict(markers))
    }


def fetched(paths: list[str]) -> set[str]:
    """Return the files among the paths that were asked for."""
    return {path.removeprefix("/files/") for path in paths if path.startswith("/files/")}
