"""Seats of a cluster: as many as there are, and none lost with whoever held it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# Each worker of this cluster keeps the slot that it gets until it is killed.
CLUSTER = """
import os, signal
from platform_site.clusters.slots import slot

children = []

def sit_down(among):
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        with slot(among=among) as free:
            os.write(write_end, b"free" if free else b"full")
            signal.pause()
    children.append(pid)
    return os.read(read_end, 4).decode()

def kill(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

try:
    print(sit_down(2), sit_down(2), sit_down(2), sit_down(3))
    kill(children.pop(0))
    print(sit_down(2), sit_down(2))
finally:
    for child in children:
        kill(child)
"""


def test_p27_there_are_so_many_slots_and_the_dead_leave_theirs() -> None:
    assert output_of(CLUSTER).splitlines() == ["free free full free", "free full"]


def test_a_slot_is_free_again_after_the_block() -> None:
    code = """
import os
from platform_site.clusters.slots import slot
for _ in range(2):
    with slot(among=1) as free:
        print(free)
if os.fork() == 0:
    with slot(among=1) as free:
        print(free)
else:
    os.wait()
"""
    assert output_of(code).split() == ["True"] * 3


def output_of(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-u", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout
