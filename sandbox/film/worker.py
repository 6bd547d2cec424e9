"""The renderer child: a job a line on standard input, a reply a line on standard output.

Standard input closes when the server dies, however it dies, and the child then ends at once: a
thread of its own watches for that while a film is being rendered.
"""

import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from sandbox.film.brief import Brief
from sandbox.film.pictures import PictureError
from sandbox.film.render import render

# The server's replies come first on a machine with few cores.
_NICENESS: Final = 5


def main() -> None:
    """Render jobs until standard input closes."""
    os.nice(_NICENESS)
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()
    while True:
        reply = _answer(json.loads(jobs.get()))
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


def _read_jobs(jobs: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    """Render one job; a picture that cannot be used is an answer, anything else a crash."""
    brief = Brief(**job["brief"], images=tuple(Path(image) for image in job["images"]))
    started = time.perf_counter()
    try:
        render(brief, Path(job["target"]))
    except PictureError as refusal:
        return {"error": str(refusal)}
    return {"seconds": round(time.perf_counter() - started, 4)}


if __name__ == "__main__":
    main()
