"""From POST to a kept film, less what the vendor itself took."""

import time
from statistics import median

from tests.bench.report import Row, at_most
from tests.bench.sites.whole_site import WholeSite

LOOK_SECONDS = 0.02
GIVE_UP_SECONDS = 60.0
INPUT = {"duration": 4, "resolution": "480p", "generate_audio": True}


def measure_films(site: WholeSite, rounds: int) -> list[Row]:
    """Make films one after the other; each figure is our own share of the waiting, in seconds."""
    shares, vendors = [], []
    # The first film warms up: connections, the renderer, the page cache.
    for round_ in range(rounds + 1):
        prompt = f"A lighthouse in the evening, take {round_}"
        waited = _make(site, prompt)
        vendor = _vendor_seconds(site, prompt)
        if round_:
            shares.append(waited - vendor)
            vendors.append(vendor)
    return [
        Row.of(
            "POST to kept film, minus the vendor's own time",
            "s",
            shares,
            ratio=median(shares),
            floor=f"s beside the vendor's own {median(vendors):.2f} s from accepted to completed",
            conditions="one film at a time, 480p 4 s with audio, SQLite, callbacks on; "
            f"looked at every {LOOK_SECONDS * 1000:.0f} ms",
            number=9,
            gate=at_most(0.5),
            aim=at_most(0.3),
        )
    ]


def _make(site: WholeSite, prompt: str) -> float:
    """Submit one film and return the seconds until its task says completed."""
    body = {"model": "doubao-seedance-1.5-pro", "input": {"prompt": prompt, **INPUT}}
    with site.client() as client:
        begun = time.monotonic()
        reply = client.post("/v1/videos/generations", json=body)
        task_id = reply.raise_for_status().json()["data"]["taskId"]
        while time.monotonic() - begun < GIVE_UP_SECONDS:
            task = client.get(f"/v1/tasks/{task_id}").raise_for_status().json()
            if task["status"] == "completed" and task["output"]["urls"]:
                return time.monotonic() - begun
            if task["status"] in {"completed", "failed"}:
                raise RuntimeError(f"No film: {task}")
            time.sleep(LOOK_SECONDS)
    raise RuntimeError(f"No film after {GIVE_UP_SECONDS:.0f} s.")


def _vendor_seconds(site: WholeSite, prompt: str) -> float:
    """Return the seconds from accepted to completed, by the sandbox's own books."""
    (task,) = [task for task in site.books()["tasks"] if task["prompt"] == prompt]
    return float(task["completed_at"]) - float(task["accepted_at"])
