"""What `make` does with an environment that is not what the lock says."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.package_index import Index, Wheel, build_wheel, stand_in
from tests.support.pythons import ROOT, Scratch, find_python

PACKAGING = version("packaging")
DIST_INFO = "lib/python*/site-packages/{}.dist-info"


@pytest.fixture(scope="module")
def place(index: Index, tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A place for the environment that the tests of this file harm, one after the other."""
    python = find_python(f"{sys.version_info.major}.{sys.version_info.minor}")
    assert python is not None
    return Scratch(tmp_path_factory.mktemp("env"), python=python, index_url=index.url)


@pytest.fixture
def base(index: Index) -> list[Wheel]:
    """What the lock pins before a test changes it."""
    built = [
        stand_in("packaging", PACKAGING),
        build_wheel("camera", "1.0"),
        build_wheel("lens", "1.0"),
    ]
    return [index.offer(wheel) for wheel in built]


@pytest.fixture
def scratch(place: Scratch, base: list[Wheel]) -> Scratch:
    """An environment as the lock says."""
    lock(place, *base)
    done = place.make("dev")
    assert done.returncode == 0, done.stdout
    assert place.installed() == {"camera": "1.0", "lens": "1.0", "packaging": PACKAGING}
    return place


def lock(scratch: Scratch, *wheels: Wheel) -> None:
    """Write the lock that pins these wheels."""
    pins = [
        f"{wheel.name}=={wheel.version} \\\n    --hash=sha256:{wheel.sha256}\n" for wheel in wheels
    ]
    (scratch.locks / "dev.txt").write_text("".join(pins))


def recorder(tmp_path: Path) -> str:
    """Return a Python that says what it was to make, and makes nothing."""
    program = tmp_path / "python3"
    program.write_text(f"""#!/bin/sh
case "$*" in *venv*) echo "asked for $*"; exit 1;; esac
exec {sys.executable} "$@"
""")
    program.chmod(0o755)
    return f"PYTHON={program}"


def test_a_changed_lock_is_installed_however_old_its_file_is(
    scratch: Scratch, base: list[Wheel], index: Index
) -> None:
    younger = index.offer(build_wheel("camera", "1.1"))
    lock(scratch, base[0], younger, base[2])
    os.utime(scratch.locks / "dev.txt", (0, 0))
    assert scratch.make("dev").returncode == 0
    assert scratch.installed() == {"camera": "1.1", "lens": "1.0", "packaging": PACKAGING}


def test_what_left_the_lock_is_removed(scratch: Scratch, base: list[Wheel], tmp_path: Path) -> None:
    lock(scratch, *base[:2])
    done = scratch.make("dev", recorder(tmp_path))
    assert done.returncode == 0, done.stdout
    assert scratch.installed() == {"camera": "1.0", "packaging": PACKAGING}


def test_what_another_lock_pins_stays(scratch: Scratch) -> None:
    runtime = scratch.locks / "runtime.txt"
    runtime.write_text((scratch.locks / "dev.txt").read_text().partition("lens")[0])
    try:
        assert scratch.make("runtime").stdout == ""
    finally:
        runtime.unlink()
    assert scratch.installed() == {"camera": "1.0", "lens": "1.0", "packaging": PACKAGING}


def test_what_an_install_that_was_killed_left_is_mended(scratch: Scratch) -> None:
    (camera,) = scratch.venv.glob(DIST_INFO.format("camera-1.0"))
    (camera / "RECORD").unlink()
    done = scratch.make("dev")
    assert done.returncode == 0, done.stdout
    assert "camera 1.0 is installed in part" in done.stdout
    assert scratch.installed() == {"camera": "1.0", "lens": "1.0", "packaging": PACKAGING}
    assert scratch.make("dev").stdout == ""


def test_an_environment_whose_python_is_gone_is_made_anew(scratch: Scratch, tmp_path: Path) -> None:
    with instead_of(scratch.venv / "bin" / "python") as program:
        program.symlink_to("/nowhere/python3")
        assert f"-m venv --clear {scratch.venv}" in scratch.make("dev", recorder(tmp_path)).stdout


def test_an_environment_without_pip_is_made_anew(scratch: Scratch, tmp_path: Path) -> None:
    (pip,) = scratch.venv.glob("lib/python*/site-packages/pip")
    with instead_of(pip):
        assert f"-m venv --clear {scratch.venv}" in scratch.make("dev", recorder(tmp_path)).stdout


def test_an_environment_of_a_python_that_is_too_old_is_made_anew(
    scratch: Scratch, tmp_path: Path
) -> None:
    with instead_of(scratch.venv / "bin" / "python") as program:
        pretend = f'exec {sys.executable} -I -c "import sys; sys.version_info = (3, 10); $3"'
        program.write_text(f"#!/bin/sh\n{pretend}\n")
        program.chmod(0o755)
        assert f"-m venv --clear {scratch.venv}" in scratch.make("dev", recorder(tmp_path)).stdout


@contextmanager
def instead_of(path: Path) -> Iterator[Path]:
    """Put something else at a path, and what was there back."""
    kept = path.with_name(f"kept-{path.name}")
    path.rename(kept)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        kept.rename(path)


def test_an_environment_that_was_moved_goes_on(scratch: Scratch, tmp_path: Path) -> None:
    moved = scratch.venv.rename(scratch.venv.with_name("moved"))
    try:
        done = scratch.make("dev", f"VENV={moved}", recorder(tmp_path))
        assert (done.returncode, done.stdout) == (0, "")
    finally:
        moved.rename(scratch.venv)


def test_no_target_starts_a_script_that_names_the_folder_it_was_installed_in() -> None:
    text = (ROOT / "Makefile").read_text()
    started = re.findall(r"^\t.*?(?:\$\(VENV\)|\.venv)/bin/(\S+)", text, re.MULTILINE)
    assert started == ["lint-imports"]
    assert "$(RUN) $(VENV)/bin/lint-imports" in text


def test_a_pip_that_is_told_to_install_nothing_is_found_out(
    scratch: Scratch, base: list[Wheel], index: Index, tmp_path: Path
) -> None:
    lock(scratch, *base, index.offer(build_wheel("tripod", "1.0")))
    done = scratch.make("dev", recorder(tmp_path), PIP_DRY_RUN="1")
    assert done.returncode != 0
    assert "tripod 1.0 is not installed" in done.stdout


def test_a_failed_install_leaves_the_environment_and_says_why(
    scratch: Scratch, base: list[Wheel]
) -> None:
    lock(scratch, *base, build_wheel("nowhere", "1.0"))
    done = scratch.make("dev")
    assert done.returncode != 0
    assert "nowhere==1.0" in done.stdout
    assert scratch.installed() == {"camera": "1.0", "lens": "1.0", "packaging": PACKAGING}


def test_other_packages_on_the_python_path_are_not_taken_for_installed(
    scratch: Scratch, tmp_path: Path
) -> None:
    (camera,) = scratch.venv.glob(DIST_INFO.format("camera-1.0"))
    camera.rename(tmp_path / camera.name)
    done = scratch.make("dev", recorder(tmp_path), PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert scratch.installed() == {"camera": "1.0", "lens": "1.0", "packaging": PACKAGING}


def test_a_release_that_would_have_to_be_built_is_refused(
    scratch: Scratch, base: list[Wheel], index: Index
) -> None:
    source = Wheel("gimbal", "1.0", "gimbal-1.0.tar.gz", b"unpacked by nobody")
    lock(scratch, *base, index.offer(source))
    done = scratch.make("dev")
    assert done.returncode != 0
    assert "No matching distribution found for gimbal==1.0" in done.stdout


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = tmp_path / "python3.10"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = Scratch(tmp_path, python=str(old), index_url="").make("dev")
    assert done.returncode != 0
    assert "make PYTHON=/path/to/python3.11" in done.stdout


def test_the_image_installs_as_the_makefile_does() -> None:
    how = re.compile(r"--no-deps --require-hashes --only-binary :all: --requirement")
    for file in ("requirements/install", "Dockerfile"):
        assert len(how.findall((ROOT / file).read_text())) == 1
        assert (ROOT / file).read_text().count("pip install") == 1
