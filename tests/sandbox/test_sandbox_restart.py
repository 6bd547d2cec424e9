"""What outlives the server, and what must not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.support.waiting import until


def children_of(pid: int) -> list[int]:
    """Return the live children of a process."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in tasks for child in path.read_text().split()]


def gone(pid: int, seconds: float = 10) -> bool:
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_killed_server_loses_nothing_and_goes_on(
    launch: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    first = launch()
    client = connect(first)
    done = client.film()
    counted = "[sandbox:429=2][sandbox:stuck] a lake"
    assert client.create(counted).status_code == 429
    rendering = client.accepted(resolution="1080p", duration=6, seed=None)
    waiting = client.accepted(seed=11)
    failing = client.accepted("[sandbox:slow=2][sandbox:fail] a lake")
    stuck = client.accepted("[sandbox:stuck] a lake")
    until(lambda: client.task(rendering)["status"] == "processing", seconds=20)
    spent = client.credits()["total_consumed"]
    first.kill()

    again = connect(launch(), key=client.key)
    kept = again.task(done["id"])
    assert kept == done
    assert again.credits()["total_consumed"] == spent or again.task(failing)["status"] == "failed"
    assert again.ended(failing)["status"] == "failed"
    assert again.ended(waiting)["status"] == "completed"
    finished = again.ended(rendering)
    assert finished["status"] == "completed"
    assert again.task(stuck)["status"] == "processing"
    assert again.credits()["total_consumed"] == spent - 12
    assert [again.create(counted).status_code for _ in range(2)] == [429, 200]
    old_port, new_port = first.url, again.vendor.url
    url = finished["output"]["urls"][0].replace(old_port, new_port)
    assert httpx.get(url).status_code == 200


def test_a_renderer_dies_with_a_killed_server(
    launch: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    vendor = launch()
    client = connect(vendor)
    client.accepted(resolution="1080p", duration=12)
    (renderer,) = until(lambda: children_of(vendor.process.pid), seconds=20)
    vendor.kill()
    assert gone(renderer)


def test_a_renderer_that_dies_is_replaced(
    launch: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    vendor = launch()
    client = connect(vendor)
    task_id = client.accepted(seed=None, duration=5)
    (renderer,) = until(lambda: children_of(vendor.process.pid), seconds=20)
    os.kill(renderer, signal.SIGKILL)
    assert client.ended(task_id)["status"] == "completed"


def test_pending_callbacks_go_on_after_a_restart(
    launch: Callable[..., Any], connect: Callable[..., Any], receiver: Any
) -> None:
    receiver.statuses += [503]
    retries = {"SANDBOX_CALLBACK_RETRIES": "0,1.5"}
    first = launch(**retries)
    client = connect(first)
    task_id = client.accepted("[sandbox:fail] a lake", callback_url=f"{receiver.url}/in")
    receiver.wait_for(1)
    time.sleep(0.2)
    first.kill()
    launch(**retries)
    _, second = receiver.wait_for(2)
    assert second.body["id"] == task_id


def test_sigterm_stops_cleanly(launch: Callable[..., Any], connect: Callable[..., Any]) -> None:
    vendor = launch()
    client = connect(vendor)
    client.accepted(resolution="1080p", duration=12)
    (renderer,) = until(lambda: children_of(vendor.process.pid), seconds=20)
    assert vendor.stop() == 0
    assert gone(renderer)


def test_two_servers_do_not_share_a_data_directory(launch: Callable[..., Any]) -> None:
    vendor = launch()
    second = subprocess.run(
        [sys.executable, "-m", "sandbox", "--port", "0", "--data-dir", str(vendor.data_dir)],
        env={**os.environ, "DATA_DIR": str(vendor.data_dir)},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert "another sandbox" in second.stderr
