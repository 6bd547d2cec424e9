"""Several hosts of one installation: process trees and folders of their own, one PostgreSQL.

Hosts share what operating.md says they must: the database, the secrets, and where films are kept.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from platform_site.supervisor import reaper
from tests.support.api import GENERATIONS, generation_body
from tests.support.ports import free_port
from tests.support.site import CHEAP, ROOT
from tests.support.vault_keys import generate_key
from tests.support.waiting import until

_SET_UP = """
import json, django
django.setup()
from django.core.management import call_command
call_command("migrate", interactive=False, verbosity=0)
call_command("createcachetable", verbosity=0)
from generations.ops.demo import set_up_demo
print(json.dumps(set_up_demo()))
"""


class Tree:
    """A command under the supervisor's reaper, known by its log file."""

    def __init__(self, command: tuple[str, ...], *, environ: Mapping[str, str], log: Path) -> None:
        """Start it."""
        self.log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", reaper.__file__, "120", *command],
                cwd=ROOT,
                env=dict(environ),
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The reaper's id."""
        return self._process.pid

    def stop(self) -> int:
        """Ask the command to end in order; return its exit status."""
        self._process.terminate()
        return self._process.wait(180)

    def kill(self) -> None:
        """End it and all that it started, at once."""
        while self._process.poll() is None:
            self._process.terminate()  # The second signal does not wait.
            time.sleep(0.05)


class Installation:
    """One database, one sandbox, and any number of hosts."""

    def __init__(self, folder: Path, *, database_url: str, **environ: str) -> None:
        """Migrate and set up the demo team; start the sandbox and no host yet."""
        self.folder, self.database_url = folder, database_url
        self._sandbox_port = free_port()
        self.sandbox_url = f"http://127.0.0.1:{self._sandbox_port}"
        self.web_port = free_port()
        self.url = f"http://127.0.0.1:{self.web_port}"
        self._trees: list[Tree] = []
        (folder / "films").mkdir(parents=True)
        self.environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "platform_site.settings",
            "EMAIL_URL": "memory:",
            "PUBLIC_URL": self.url,
            "SANDBOX_URL": self.sandbox_url,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "VAULT_KEYS": f"k1:{generate_key()}",
            **environ,
        }
        self.desk = self.folder / "desk"
        self.demo = json.loads(self.run(sys.executable, "-c", _SET_UP))
        self.http = httpx.Client(
            headers={"Authorization": f"Bearer {self.demo['api_key']}"}, timeout=60
        )

    def start_sandbox(self) -> None:
        """Start the stand-in vendor, and wait until it answers."""
        command = (sys.executable, "-m", "sandbox", f"--port={self._sandbox_port}")
        environ = {**self.environ, "DATA_DIR": str(self.folder / "vendor")}
        self.start(command, environ=environ, log=self.folder / "sandbox.log")
        until(lambda: answers(f"{self.sandbox_url}/healthz"))

    def start(self, command: tuple[str, ...], *, environ: Mapping[str, str], log: Path) -> Tree:
        """Start a process tree that ends with the installation."""
        tree = Tree(command, environ=environ, log=log)
        self._trees.append(tree)
        return tree

    def close(self) -> None:
        """End everything at once."""
        self.http.close()
        for tree in reversed(self._trees):
            tree.kill()

    def run(self, *command: str) -> str:
        """Run a command beside the hosts, which must succeed; return what it prints."""
        self.desk.mkdir(exist_ok=True)
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**self.environ, "DATA_DIR": str(self.desk)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def audit(self) -> dict[str, Any]:
        """Prove the books."""
        report: dict[str, Any] = json.loads(
            self.run(sys.executable, "manage.py", "audit", "--json")
        )
        assert report["ok"], report
        return report

    def books(self) -> dict[str, Any]:
        """Return the sandbox's own truth."""
        books: dict[str, Any] = httpx.get(f"{self.sandbox_url}/sandbox/books").json()
        return books

    def sql(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Run one statement; return its rows, if it has any."""
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def submit(self, prompt: str, *, at: str, **inputs: Any) -> str:
        """Submit a cheap generation to one host's web; return its id."""
        body = generation_body(prompt, **{**CHEAP, **inputs})
        reply = self.http.post(f"{at}{GENERATIONS}", json=body)
        assert reply.status_code == 200, reply.text
        task_id: str = reply.json()["data"]["taskId"]
        return task_id


class Host:
    """One host: a web server, and clusters under supervisors of their own."""

    def __init__(self, installation: Installation, name: str, *, port: int) -> None:
        """Make its folder; films and uploads are those of all hosts."""
        self.installation = installation
        self.folder = installation.folder / name
        self.folder.mkdir()
        (self.folder / "films").symlink_to(installation.folder / "films")
        self.url = f"http://127.0.0.1:{port}"
        self.environ = {**installation.environ, "DATA_DIR": str(self.folder), "PORT": str(port)}
        self.trees: dict[str, Tree] = {}

    def start(self, name: str, *roles: str, patience: int) -> None:
        """Start a supervisor with these roles."""
        only = tuple(f"--only={role}" for role in roles)
        self.trees[name] = self.installation.start(
            (sys.executable, "manage.py", "up", "--no-migrate", f"--patience={patience}", *only),
            environ=self.environ,
            log=self.folder / f"{name}.log",
        )

    def log(self, name: str) -> str:
        """Return what a supervisor and its children have printed."""
        return (self.folder / f"{name}.log").read_text()

    def processes(self, *words: str) -> Iterator[int]:
        """Yield this host's processes whose command lines hold all these words."""
        ours = f"\0DATA_DIR={self.folder}\0".encode()
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes()
                environ = b"\0" + (entry / "environ").read_bytes() + b"\0"
            except OSError:
                continue
            if ours in environ and all(word.encode() in command for word in words):
                yield int(entry.name)

    def cluster(self, name: str, queue: str) -> str:
        """Return the id of the cluster of a queue that one of the supervisors runs."""
        option = f"--queue={queue}"
        for pid in self.processes("manage.py\0worker", option):
            if self.trees[name].pid in _ancestors(pid):
                words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
                return next(word for word in words if word.startswith("--cluster=")).partition("=")[
                    2
                ]
        raise AssertionError(f"{name} runs no cluster of the queue {queue}")

    def workers(self, cluster: str) -> list[int]:
        """Return what a cluster's sentinel has started, oldest first: workers, monitor, pusher."""
        everything = set(self.processes("manage.py\0worker", cluster))
        everything -= set(self.processes("reaper.py"))
        masters = {pid for pid in everything if _parent(pid) not in everything}
        sentinels = {pid for pid in everything if _parent(pid) in masters}
        return sorted(pid for pid in everything if _parent(pid) in sentinels)

    def kill(self) -> None:
        """Kill -9 every process of the host, as a power cut does."""
        while pids := list(self.processes()):
            for pid in pids:
                reaper.send_signal(pid, signal.SIGKILL)
            time.sleep(0.01)


def answers(url: str) -> bool:
    """Return whether something answers with 200 there."""
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        pid = _parent(pid)
        yield pid


def _parent(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat[stat.rindex(")") + 2 :].split()[1])
