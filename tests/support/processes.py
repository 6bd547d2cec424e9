"""Processes that a test started: how long to wait for them, and which of them live."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 30.0  # Seconds until a test gives up; the expected waits are tenths of one.


def alive(folder: Path) -> list[int]:
    """Return every living process that has `folder` on its command line or in its environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in words:
                found.append(int(entry.name))
    return found
