"""The real site under its supervisor: it starts and ends in order, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.processes import PATIENCE, REPOSITORY, alive
from tests.support.waiting import until


@pytest.fixture
def site(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the real site, sandbox included, on free ports and with data of its own."""
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
        "PORT": str(free_port()),
        "SANDBOX_PORT": str(free_port()),
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--sandbox"],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate(timeout=PATIENCE)
    until(lambda: not alive(tmp_path), seconds=PATIENCE)


def wait_until_ready(site: subprocess.Popen[str]) -> None:
    """Read the site's output until it says that it is ready."""
    assert site.stdout is not None
    give_up = threading.Timer(2 * PATIENCE, site.kill)
    give_up.start()
    try:
        assert any(line.startswith("Dailies is ready at http://") for line in site.stdout)
    finally:
        give_up.cancel()


def test_the_site_starts_and_ends_in_order(site: subprocess.Popen[str], tmp_path: Path) -> None:
    wait_until_ready(site)

    site.send_signal(signal.SIGINT)

    assert site.wait(PATIENCE) == 0
    assert alive(tmp_path) == []


def test_the_site_leaves_nothing_behind_when_it_is_killed(
    site: subprocess.Popen[str], tmp_path: Path
) -> None:
    wait_until_ready(site)
    assert len(alive(tmp_path)) > 6, "web, worker and sandbox fork and have reapers"

    site.kill()

    until(lambda: not alive(tmp_path), seconds=PATIENCE)
