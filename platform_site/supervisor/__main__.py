"""The supervisor as a process of its own: `python -m platform_site.supervisor --plan-fd N …`.

`manage.py up` becomes this once all is prepared. It loads the site, and its children are forks of
it: all processes together hold it once. The plan is JSON in the open file N; further words are for
readers of process lists only.
"""

import contextlib
import gc
import http.client
import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.db import Error, connections
from django.db.models import QuerySet

from platform_site.supervisor.child import ChildSpec
from platform_site.supervisor.forks import show_command
from platform_site.supervisor.liveness import Liveness
from platform_site.supervisor.supervise import Supervisor

PROBE_SECONDS = 2.0


class JSONLines(logging.Formatter):
    """Log as the rest of the site does: one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        words = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": datetime.fromtimestamp(record.created, tz=UTC).isoformat(),
        }
        return json.dumps(words)


def main(arguments: list[str]) -> None:
    """Run the plan in the foreground until SIGTERM, SIGINT or SIGHUP."""
    with os.fdopen(int(arguments[1]), "rb") as file:
        plan: dict[str, Any] = json.load(file)
    handler = logging.StreamHandler()
    handler.setFormatter(JSONLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    show_command((sys.executable, *sys.orig_argv[1:-1]))
    _load(plan["loads"])
    health_file = Path(plan["health_file"]) if plan["health_file"] else None
    specs = [spec_of(child) for child in plan["children"]]
    Supervisor(specs, cwd=Path.cwd(), health_file=health_file).run()


def _load(modules: list[str]) -> None:
    """Load what children run, and keep it out of collections, which would copy its pages."""
    if not modules:
        return
    django.setup()
    for name in modules:
        import_module(name)
    with contextlib.suppress(Error):  # Without the database there is just less to share.
        _build_queries()
    connections.close_all()
    gc.collect()
    gc.freeze()


def _build_queries() -> None:
    """Let Django build once what it builds for a table's first queries, and each child then has."""
    for model in apps.get_models():
        rows: QuerySet[Any] = QuerySet(model)
        for field in model._meta.concrete_fields:  # noqa: SLF001  # Django documents it
            str(rows.filter(**{f"{field.attname}__isnull": True}).order_by(field.attname).query)


def spec_of(child: dict[str, Any]) -> ChildSpec:
    """Return the spec of one child of the plan."""
    fields = dict(child)
    probe, ready, has_liveness = (
        fields.pop("probe"),
        fields.pop("ready"),
        fields.pop("has_liveness"),
    )
    liveness = Liveness.make() if has_liveness else None
    silence: Callable[[], float | None] | None = None
    if liveness is not None:
        silence = liveness.silence_seconds
    elif probe is not None:
        silence = partial(web_silence, **probe)
    announce = partial(print, ready, flush=True) if ready else None
    command = tuple(fields.pop("command"))
    return ChildSpec(
        **fields, command=command, liveness=liveness, silence=silence, on_ready=announce
    )


def web_silence(host: str, port: int, name: str) -> float | None:
    """Return 0.0 if the web answers its health page now under this name, None if it does not."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (not a bind)
    connection = http.client.HTTPConnection(reachable, port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", "/healthz", headers={"Host": name})
        return 0.0 if connection.getresponse().status < 400 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1:])
