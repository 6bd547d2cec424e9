"""The check of locks and environments finds what it is for, in the real locks and in small ones."""

import re
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import pytest

from requirements import check
from tests.support.pythons import ROOT

LOCKS = ROOT / "requirements"
HASH = f"--hash=sha256:{'0' * 64}"
EVERYWHERE = ["3.11.0", "3.11.99", "3.12.0", "3.12.99", "3.13.0", "3.13.99"]


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    """A copy of the real locks and of what they were made from."""
    for name in ("runtime.in", "runtime.txt", "dev.in", "dev.txt"):
        (tmp_path / name).write_text((LOCKS / name).read_text())
    return tmp_path


def change(lock: Path, name: str, to: Callable[[str], str]) -> None:
    """Change the block of a package in a lock."""
    text, times = re.subn(
        rf"^{name}==.*?\n(?=[^ ]|\Z)",
        lambda block: to(block[0]),
        lock.read_text(),
        flags=re.MULTILINE | re.DOTALL,
    )
    assert times
    lock.write_text(text)


def to_version(version: str) -> Callable[[str], str]:
    """Return a change that pins another version."""
    return lambda block: re.sub(r"==\S+", f"=={version}", block, count=1)


def problems_of(lock: Path) -> list[str]:
    """Return what is wrong with a lock, going by what is installed where the tests run."""
    return check.incomplete(lock, check.installed_by_name(distributions()))[0]


@pytest.mark.parametrize("lock", ["runtime.txt", "dev.txt"])
def test_the_locks_are_complete(lock: str) -> None:
    assert problems_of(LOCKS / lock) == []


@pytest.mark.parametrize(
    ("lock", "package", "asked"),
    [
        ("runtime.txt", "django", r"django\S* \(for runtime\.in\)"),
        ("runtime.txt", "sqlparse", r"sqlparse\S* \(for django \S+\)"),
        ("runtime.txt", "psycopg-binary", r'.* extra == "binary" \(for psycopg \S+\)'),
        ("runtime.txt", "boto3", r'boto3\S* extra == "s3" \(for django-storages \S+\)'),
        ("dev.txt", "coverage", r"coverage\[toml\]\S* \(for pytest-cov \S+\)"),
        ("dev.txt", "py-partiql-parser", r'.* extra == "s3" \(for moto \S+\)'),
    ],
)
def test_a_pin_that_is_lost_is_reported(locks: Path, lock: str, package: str, asked: str) -> None:
    change(locks / lock, package, lambda block: "")
    reported = re.compile(rf"{asked} is pinned nowhere on Python \S+")
    assert any(map(reported.fullmatch, problems_of(locks / lock)))


def test_a_pin_that_is_out_of_range_is_reported(locks: Path) -> None:
    change(locks / "dev.txt", "coverage", to_version("0.1"))
    reported = re.compile(r"coverage\[toml\]>=\S+ \(for pytest-cov \S+\) is pinned as 0\.1 .*")
    assert any(map(reported.fullmatch, problems_of(locks / "dev.txt")))


def test_a_pin_without_hashes_is_reported(locks: Path) -> None:
    change(locks / "dev.txt", "coverage", lambda block: block.partition(" \\\n")[0] + "\n")
    (problem,) = problems_of(locks / "dev.txt")
    assert re.fullmatch(r"coverage \S+ is pinned without hashes", problem)


def test_what_left_the_wanted_packages_must_leave_the_lock(locks: Path) -> None:
    wanted = locks / "dev.in"
    wanted.write_text(wanted.read_text().replace("pytest-cov\n", ""))
    reported = re.compile(r"pytest-cov \S+ is pinned and nothing requires it .*")
    assert any(map(reported.fullmatch, problems_of(locks / "dev.txt")))


def test_a_comment_hides_no_pin_in_the_next_line(locks: Path) -> None:
    lock = locks / "dev.txt"
    digest = "0" * 64
    lock.write_text(f"{lock.read_text()}# hidden \\\nevil==1.0 --hash=sha256:{digest}\n")
    assert any(one.startswith("evil 1.0 ") for one in problems_of(lock))


def test_locks_that_share_an_environment_must_agree(locks: Path) -> None:
    assert check.disagreements(locks / "runtime.txt", locks / "dev.txt") == []
    change(locks / "runtime.txt", "httpx", to_version("0.1"))
    (found,) = check.disagreements(locks / "runtime.txt", locks / "dev.txt")
    assert found.startswith("httpx is pinned differently")


class Desk:
    """A small lock, what it was made from, and what is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = folder / "dev.txt"
        (folder / "site").mkdir()

    def install(self, name: str, version: str, *requires: str, record: bool = True) -> Path:
        """Put a release's metadata where it is looked for; return its folder."""
        path = self.folder / "site" / f"{name}-{version}.dist-info"
        path.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {each}" for each in requires]
        (path / "METADATA").write_text("\n".join([*lines, ""]))
        if record:
            (path / "RECORD").write_text("")
        return path

    @property
    def installed(self) -> check.Installed:
        """What is installed."""
        return check.installed_by_name(distributions(path=[str(self.folder / "site")]))

    def write(self, wanted: str, *pins: str) -> None:
        """Write the lock, a hash to each pin, and what it was made from."""
        (self.folder / "dev.in").write_text(f"{wanted}\n")
        self.lock.write_text("".join(f"{pin} \\\n    {HASH}\n    # via dev.in\n" for pin in pins))

    def incomplete(self) -> list[str]:
        """Return what is wrong for the Pythons that the lock is for, wherever this runs."""
        problems, _ = check.incomplete(self.lock, self.installed)
        here = next(check.environments())["python_full_version"]
        if here in EVERYWHERE:
            return problems
        return [problem for problem in problems if not problem.endswith(f"on Python {here}")]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A camera, which needs glass for its extra `lens` alone."""
    desk = Desk(tmp_path)
    desk.install("studio", "1.0", "camera[lens]>=1")
    desk.install(
        "camera",
        "1.5",
        'glass>=2; extra == "lens"',
        'camera[lens]; extra == "all"',
        "strap>3; extra == 'x'",
    )
    desk.install("glass", "2.1")
    return desk


def test_an_extra_that_a_release_requires_is_followed(desk: Desk) -> None:
    desk.write("studio", "studio==1.0", "camera==1.5", "glass==2.1")
    assert desk.incomplete() == []
    desk.write("studio", "studio==1.0", "camera==1.5")
    asked = 'glass>=2; extra == "lens" (for camera 1.5) is pinned nowhere'
    assert desk.incomplete() == [f"{asked} on Python {python}" for python in EVERYWHERE]


def test_an_extra_that_names_another_extra_is_followed(desk: Desk) -> None:
    desk.write("camera[all]", "camera==1.5", "glass==2.1")
    assert desk.incomplete() == []
    desk.write("camera[all]", "camera==1.5")
    assert len(desk.incomplete()) == len(EVERYWHERE)


def test_an_extra_that_nobody_asks_for_is_not_needed(desk: Desk) -> None:
    desk.write("camera", "camera==1.5")
    assert desk.incomplete() == []


def test_names_are_compared_however_they_are_spelt(desk: Desk) -> None:
    desk.install("Tri.Pod", "1.0")
    desk.write("tri_pod", "TRI-pod==1.0")
    assert desk.incomplete() == []


@pytest.mark.parametrize(
    ("wanted_on", "pinned_on", "missing_on"),
    [
        ("python_version >= '3.11'", "python_version < '3.13'", ["3.13.0", "3.13.99"]),
        ("python_version >= '3.12'", "python_version >= '3.13'", ["3.12.0", "3.12.99"]),
        ("python_full_version < '3.11.3'", "python_version >= '3.12'", ["3.11.0"]),
        ("sys_platform == 'win32'", "sys_platform == 'darwin'", []),
    ],
)
def test_every_python_that_dailies_runs_on_needs_its_pins(
    desk: Desk, wanted_on: str, pinned_on: str, missing_on: list[str]
) -> None:
    desk.write(f"glass ; {wanted_on}", f"glass==2.1 ; {pinned_on}")
    problems = [problem for problem in desk.incomplete() if "nowhere" in problem]
    assert [problem.rpartition(" ")[2] for problem in problems] == missing_on


def test_two_pins_for_one_python_are_reported(desk: Desk) -> None:
    desk.write("glass", "glass==2.1", "glass==2.2 ; python_version >= '3.13'")
    problems = [problem for problem in desk.incomplete() if "more than once" in problem]
    assert [problem.rpartition(" ")[2] for problem in problems] == ["3.13.0", "3.13.99"]


def test_a_release_that_only_another_python_installs_is_named(desk: Desk) -> None:
    here = next(check.environments())["python_version"]
    this, other = f"python_version == '{here}'", f"python_version != '{here}'"
    desk.write("tripod", f"tripod==1.0 ; {this}", f"tripod==2.0 ; {other}")
    desk.install("tripod", "1.0")
    assert check.incomplete(desk.lock, desk.installed) == ([], ["tripod 2.0"])


@pytest.mark.parametrize("line", ["glass>=2.1", "glass", "glass==2.*", "--pre", "<<<<<<< ours"])
def test_a_line_that_pins_nothing_is_refused(desk: Desk, line: str) -> None:
    desk.write("glass", line)
    with pytest.raises(ValueError, match=r"dev\.txt: “"):
        check.read_lock(desk.lock)


def test_an_environment_is_as_locked_or_the_difference_is_named(desk: Desk) -> None:
    desk.write("studio", "studio==1.0", "camera==1.5", "glass==2.1", "tripod==1 ; os_name == 'x'")
    assert check.differences(desk.lock, desk.installed) == []
    desk.write("studio", "studio==1.1", "camera==1.5", "strap==3.1", "lamp==1.0", "filter==1.0")
    desk.install("camera", "1.4")
    desk.install("lamp", "1.0", record=False)
    (desk.install("filter", "1.0") / "METADATA").unlink()
    assert sorted(check.differences(desk.lock, desk.installed)) == [
        "camera 1.5 is installed as 1.4",
        "camera is installed more than once",
        "filter 1.0 is not installed",
        "lamp 1.0 is installed in part",
        "strap 3.1 is not installed",
        "studio 1.1 is installed as 1.0",
        "“glass” is installed and in no lock",
        "“” is installed and in no lock",
    ]


def test_what_python_brings_along_may_be_there(desk: Desk) -> None:
    desk.write("studio", "studio==1.0", "camera==1.5", "glass==2.1")
    desk.install("pip", "23.2.1")
    desk.install("setuptools", "65.5.0")
    assert check.differences(desk.lock, desk.installed) == []


def test_the_command_names_what_is_wrong_and_fails(
    locks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(locks / "runtime.txt"), str(locks / "dev.txt")]
    assert check.main("complete", *files) == 0
    change(locks / "dev.txt", "coverage", lambda block: "")
    assert check.main("complete", *files) == 1
    assert "dev.txt: coverage[toml]>=7.10.6" in capsys.readouterr().err
    (locks / "dev.txt").write_text("<<<<<<< ours\n")
    assert check.main("complete", *files) == 1
    assert "“<<<<<<< ours” is not a requirement" in capsys.readouterr().err
