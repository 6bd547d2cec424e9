"""`manage.py up`: the whole site in the foreground."""

import argparse
import json
import os
import socket
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from platform_site.checks import OURS
from platform_site.clusters.queues import (
    FILM_QUEUE,
    GRACE_SECONDS,
    MAIN_QUEUE,
    PATIENCE_SECONDS,
    patience_of,
)
from platform_site.environment import BASE_DIR, keep_private
from platform_site.web.static_files import collect_static_files

# In the order of stopping: no more requests, then no more work, and the vendor outlives both.
ROLES = ("web", "worker", "films", "sandbox")
STAGES = {"web": 0, "worker": 1, "films": 1, "sandbox": 2}
WORKER_CLASS = "platform_site.serving.worker.ReadAheadWorker"
QUEUE_OF = {"worker": MAIN_QUEUE, "films": FILM_QUEUE}


class Command(BaseCommand):
    """Migrates, then runs web and workers (and the sandbox) until it is told to stop."""

    help = "Run web and workers in the foreground; Ctrl-C stops everything."
    requires_system_checks = (OURS,)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument("--sandbox", action="store_true", help="also run the sandbox vendor")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=settings.PORT)
        parser.add_argument(
            "--only", action="append", choices=ROLES, metavar="ROLE", help="run only these"
        )
        parser.add_argument("--no-migrate", action="store_true", help="do not migrate the database")
        parser.add_argument("--web-workers", type=int, default=1, help="web processes")
        parser.add_argument("--web-threads", type=int, default=8, help="threads per web process")
        parser.add_argument(
            "--patience",
            type=float,
            help="seconds without a heartbeat after which a cluster is replaced; default: what a"
            f" job of its queue may take, plus {PATIENCE_SECONDS:g}",
        )
        parser.add_argument("--health-file", type=Path, help="file to touch while everything works")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Prepare, then become the supervisor, which runs until SIGTERM, SIGINT or SIGHUP.

        Raises CommandError if a port is taken.
        """
        keep_private()
        roles = options["only"] or [*ROLES[:3], *(ROLES[3:] if options["sandbox"] else ())]
        host, port = options["host"], options["port"]
        if "web" in roles:
            refuse_taken_port(host, port, variable="PORT")
        if "sandbox" in roles:
            refuse_taken_port(host, settings.SANDBOX_PORT, variable="SANDBOX_PORT")
        # The children read the environment, not our options.
        os.environ.update(PORT=str(port), SANDBOX_PORT=str(settings.SANDBOX_PORT))
        os.environ.setdefault("PUBLIC_URL", f"http://127.0.0.1:{port}")
        if not options["no_migrate"]:
            call_command("migrate", interactive=False, verbosity=0)
            call_command("createcachetable", verbosity=0)
            connections.close_all()
        if "web" in roles:
            collect_static_files()
        plan = {
            "children": [_child(role, options) for role in ROLES if role in roles],
            "loads": _modules_of(roles),
            "health_file": str(options["health_file"] or ""),
        }
        become_supervisor(plan)


def _child(role: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return a role's part of the plan; see `platform_site.supervisor.__main__`."""
    host, port = options["host"], options["port"]
    child: dict[str, Any] = {
        "name": role,
        "stage": STAGES[role],
        "probe": None,
        "ready": None,
        "has_liveness": False,
        "in_fork": True,
    }
    if role == "web":
        command = web_command(
            host, port, workers=options["web_workers"], threads=options["web_threads"]
        )
        # The name that ALLOWED_HOSTS knows.
        name = urlsplit(settings.PUBLIC_URL).netloc
        ready = f"Dailies is ready at {os.environ['PUBLIC_URL']} (Ctrl-C stops it)"
        probe = {"host": host, "port": port, "name": name}
        return child | {"command": command, "probe": probe, "ready": ready}
    if role in QUEUE_OF:
        queue = QUEUE_OF[role]
        return child | {
            "command": worker_command(queue, uuid4()),
            "has_liveness": True,
            "patience": options["patience"] or patience_of(queue),
            "replace_when_silent": True,
            "grace": GRACE_SECONDS,
        }
    # It needs nothing of what the others share.
    return child | {"command": (sys.executable, "-m", "sandbox", "--host", host), "in_fork": False}


def _modules_of(roles: Collection[str]) -> list[str]:
    """Return what the supervisor is to load for its children, which then share it."""
    modules = []
    if "web" in roles:
        modules += ["gunicorn.app.wsgiapp", WORKER_CLASS.rpartition(".")[0], settings.ROOT_URLCONF]
        modules.append(settings.WSGI_APPLICATION.rpartition(".")[0])
    if QUEUE_OF.keys() & set(roles):
        modules.append(f"{get_commands()['worker']}.management.commands.worker")
    return modules


def become_supervisor(plan: dict[str, Any]) -> NoReturn:
    """Give this process over to the supervisor, so that nothing of ours is left in its memory."""
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(plan).encode())
        file.flush()
        os.set_inheritable(file.fileno(), True)
        file.seek(0)
        run = (sys.executable, "-m", "platform_site.supervisor", "--plan-fd", str(file.fileno()))
        # Threads that share their heaps leave less unused.
        os.environ.setdefault("MALLOC_ARENA_MAX", "2")
        # Its forks show their own command lines in the room of its one.
        room = " " * max(len(" ".join(child["command"])) for child in plan["children"])
        sys.stdout.flush()
        sys.stderr.flush()
        os.chdir(BASE_DIR)
        os.execv(sys.executable, (*run, *sys.argv, room))  # noqa: S606 (ourselves, lighter)


def web_command(host: str, port: int, *, workers: int, threads: int) -> tuple[str, ...]:
    """Return gunicorn's command line; its graceful timeout lies within the supervisor's grace."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = {
        "--worker-class": WORKER_CLASS,
        "--workers": str(workers),
        "--threads": str(threads),
        "--bind": address,
        "--timeout": "60",
        "--graceful-timeout": "15",
        "--max-requests": "0",
        # Whose X-Forwarded headers count is decided in one place, by the site's TRUSTED_PROXIES.
        "--forwarded-allow-ips": "",
    }
    flags = [f"{name}={value}" for name, value in options.items()]
    command = (sys.executable, "-m", "gunicorn", "platform_site.wsgi:application")
    return (*command, "--no-control-socket", *flags)


def worker_command(queue: str, cluster: UUID) -> tuple[str, ...]:
    """Return the command line of a worker that proves under this id that it works."""
    options = (f"--queue={queue}", f"--cluster={cluster}")
    return (sys.executable, "manage.py", "worker", *options)


def refuse_taken_port(host: str, port: int, *, variable: str) -> None:
    """Raise CommandError if nothing more can listen on this port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as attempt:
        # As gunicorn does: connections that are closing do not count.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host, port))
        except OSError as error:
            reason = f"Cannot listen on {host} port {port}: {error.strerror}."
            raise CommandError(f"{reason} Set {variable} to another port.") from error
