"""One generation after the other through all stages, in one process of this tree."""

import cProfile
import json
import pstats
import resource
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
from django.test import Client
from django.utils import timezone

from generations.archive.keep import keep_film
from generations.models import Generation
from generations.polling import Poller
from tests.bench.inside.admission import CHEAP, MODEL, Submissions
from tests.bench.inside.statements import counted
from tests.bench.measure.processes import used_by
from tests.support.claiming import claim_next
from tests.support.sending import post_generation

WARM_UP, MEASURED, PROFILED = 4, 16, 8
FILMS_MEASURED = 4  # a film takes long, and one is like the other
_COUNT = WARM_UP + MEASURED + 1 + PROFILED
_GROUPS = 4  # of polls: to warm up, to measure, to count, to profile
_GIVE_UP_SECONDS = 10.0

Work = Callable[[], Any]


class Stages:
    """Measures one stage after the other; `server` is the database's process, 0 without one."""

    def __init__(self, server: int) -> None:
        """Start without figures."""
        self._server = server
        self.rows: list[dict[str, Any]] = []

    def measure(
        self, name: str, works: Sequence[Work], *, measured: int, per: int = 1
    ) -> list[Any]:
        """Do all of `works`, `per` generations in each; note CPU, statements and where time goes.

        Some come first to warm up, then those that are measured, one that is counted, and the rest
        is profiled. Returns their results.
        """
        warm = (len(works) - measured - 1) // 3 or 1
        results = [work() for work in works[:warm]]
        before = self._used()
        results += [work() for work in works[warm : warm + measured]]
        cpu = 1000 * (self._used() - before) / measured
        with counted() as statements:
            results.append(works[warm + measured]())
        profile = cProfile.Profile()
        results += [profile.runcall(work) for work in works[warm + measured + 1 :]]
        row = {"stage": name, "cpu": cpu / per, "statements": len(statements.all) / per}
        self.rows.append(row | {"most": _most(profile)})
        return results

    def _used(self) -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = time.process_time() + children.ru_utime + children.ru_stime
        return own + (used_by(self._server).cpu if self._server else 0.0)


def main(server: str, vendor_url: str, api_key: str) -> list[dict[str, Any]]:
    """Return the stages' rows."""
    stages, submissions = Stages(int(server)), Submissions()
    client = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {api_key}"})
    posts = [_post(client, number) for number in range(_COUNT)]
    stages.measure("request, its admission included", posts, measured=MEASURED)
    Generation.objects.update(next_submit_at=timezone.now() + timedelta(days=1))
    admissions = [partial(submissions.admit, [one]) for one in submissions.made(_COUNT)]
    stages.measure("admission", admissions, measured=MEASURED)
    claims = [lambda: claim_next(now=timezone.now())] * _COUNT
    sent = [one for one in stages.measure("claim", claims, measured=MEASURED) if one is not None]
    submits = [partial(post_generation, one) for one in sent]
    stages.measure("POST and stored id", submits, measured=MEASURED)
    Generation.objects.update(next_poll_at=None)
    size = len(sent) // _GROUPS
    groups = [sent[place * size : (place + 1) * size] for place in range(_GROUPS)]
    poller = Poller()
    for name, ends_in in (("poll without news", None), ("poll and settle", 0.0)):
        _set(vendor_url, sent, ends_in=ends_in)
        polls = [_poll(poller, group) for group in groups]
        stages.measure(f"{name}, {size} at once", polls, measured=1, per=size)
    poller.finish(seconds=1)
    films = [partial(keep_film, one.pk) for one in sent[: 2 + 2 * FILMS_MEASURED]]
    stages.measure("keep the film", films, measured=FILMS_MEASURED)
    return stages.rows


def _post(client: Client, number: int) -> Work:
    body = {"model": MODEL, "input": {"prompt": f"A lighthouse, take {number}", **CHEAP}}

    def post() -> None:
        reply = client.post(
            "/v1/videos/generations", json.dumps(body), content_type="application/json"
        )
        assert reply.status_code == 200, reply.content

    return post


def _poll(poller: Poller, generations: list[Generation]) -> Work:
    rows = Generation.objects.filter(pk__in=[one.pk for one in generations])

    def poll() -> None:
        rows.update(next_poll_at=timezone.now() - timedelta(seconds=1))
        give_up_at = time.monotonic() + _GIVE_UP_SECONDS
        poller.step(pause=0.05)
        while poller.busy and time.monotonic() < give_up_at:
            poller.step(pause=0.05, take_more=False)
        rows.update(next_poll_at=None)

    return poll


def _set(vendor_url: str, sent: list[Generation], *, ends_in: float | None) -> None:
    ids = Generation.objects.filter(pk__in=[one.pk for one in sent])
    tasks = [{"id": task, "ends_in": ends_in} for task in ids.values_list("upstream_id", flat=True)]
    httpx.put(f"{vendor_url}/bench/tasks", json=tasks, timeout=30, trust_env=False)


def _most(profile: cProfile.Profile) -> str:
    """Return which packages the time is spent in, the first four with their shares."""
    seconds: Counter[str] = Counter()
    stats: Any = pstats.Stats(profile)
    for (path, _line, name), (_calls, _all, own, *_) in stats.stats.items():
        seconds[_package(path, name)] += own
    total = sum(seconds.values()) or 1.0
    return ", ".join(
        f"{package} {100 * own / total:.0f}%" for package, own in seconds.most_common(4)
    )


def _package(path: str, name: str) -> str:
    if path == "~":
        waits = any(word in name for word in ("acquire", "wait", "poll", "select", "sleep"))
        return "waiting" if waits else "built-ins"
    _, _, rest = path.rpartition("site-packages/")
    words = rest.split("/") if rest != path else path.split("/")
    for package in ("generations", "billing", "accounts", "platform_site"):
        if package in words and rest == path:
            return package
    if words[0] == "django":
        return ".".join(word.removesuffix(".py") for word in words[:3])
    return words[0].removesuffix(".py") if rest != path else "standard library"
