"""The first start: secrets are made once, kept privately, and agreed on by all."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOW = """
import json
from platform_site.environment import read_environment
env = read_environment()
print(json.dumps({name: env.str(name) for name in ("SECRET_KEY", "VAULT_KEYS")}))
"""
MADE = ("SECRET_KEY", "VAULT_KEYS")


def start(folder: Path, **environ: str) -> "subprocess.Popen[str]":
    """Start a process that reads its environment and prints the two secrets."""
    clean = {name: value for name, value in os.environ.items() if name not in MADE}
    return subprocess.Popen(
        [sys.executable, "-c", SHOW],
        cwd=ROOT,
        env={**clean, "DATA_DIR": str(folder), **environ},
        stdout=subprocess.PIPE,
        text=True,
    )


def printed(process: "subprocess.Popen[str]") -> str:
    """Return what a process printed."""
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out


def test_the_first_start_writes_secrets_that_only_its_user_reads(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    assert printed(start(folder))
    file = folder / "secrets.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [line.partition("=")[0] for line in file.read_text().splitlines()] == list(MADE)
    assert os.listdir(folder) == ["secrets.env"]  # noqa: PTH208  # no draft is left behind


def test_later_starts_read_what_the_first_wrote(tmp_path: Path) -> None:
    first = printed(start(tmp_path))
    written = (tmp_path / "secrets.env").read_bytes()
    assert printed(start(tmp_path)) == first
    assert (tmp_path / "secrets.env").read_bytes() == written


def test_two_installations_differ(tmp_path: Path) -> None:
    assert printed(start(tmp_path / "a")) != printed(start(tmp_path / "b"))


def test_simultaneous_first_starts_agree(tmp_path: Path) -> None:
    processes = [start(tmp_path) for _ in range(6)]
    assert len({printed(process) for process in processes}) == 1
    assert os.listdir(tmp_path) == ["secrets.env"]  # noqa: PTH208


@pytest.mark.parametrize("name", MADE)
def test_the_real_environment_wins(tmp_path: Path, name: str) -> None:
    out = printed(start(tmp_path, **{name: "from-outside"}))
    assert out.count("from-outside") == 1
