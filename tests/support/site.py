"""The real site in processes of its own: web, worker and sandbox, which can be killed and revived.

Each site has a folder, a database, free ports and a demo team of its own. Every process runs under
the supervisor's reaper, so that nothing outlives the tests even when those are killed.
"""

import fcntl
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from platform_site.management.commands.up import web_command
from platform_site.supervisor import reaper
from tests.environment import ROOT_VARIABLE as TEST_ROOT
from tests.support.api import GENERATIONS, generation_body
from tests.support.ports import free_port
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
ENDED = frozenset({"completed", "failed"})
# The cheapest film; with one seed the sandbox renders each prompt's picture once.
CHEAP: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False, "seed": 7}

_SET_UP = """
import json, os, django
django.setup()
from django.core.management import call_command
call_command("migrate", interactive=False, verbosity=0)
call_command("createcachetable", verbosity=0)
from generations.models import ProviderKey
from generations.ops.demo import set_up_demo
from generations.provider_keys.vault import reveal
demo = set_up_demo()
print(json.dumps({**demo, "secret": reveal(ProviderKey.objects.get()).reveal()}))
"""
# How a role's processes are known: by a part of their command lines.
_MARKS = {
    "web": b"gunicorn",
    "worker": b"manage.py\0worker\0--queue=dailies",
    "films": b"manage.py\0worker\0--queue=films",
    "sandbox": b"-m\0sandbox",
    "up": b"manage.py\0up",
}


class Site:
    """One installation. `vendor_url` replaces the sandbox as the `sk-sandbox-…` keys' vendor."""

    def __init__(self, folder: Path, *, vendor_url: str = "", **environ: str) -> None:
        """Migrate a fresh database and set up the demo team; start nothing yet."""
        self.folder = folder
        port, sandbox_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        self._port = port
        self._environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "platform_site.settings",
            "EMAIL_URL": "memory:",
            "PORT": str(port),
            "PUBLIC_URL": self.url,
            "SANDBOX_PORT": str(sandbox_port),
            "SANDBOX_URL": vendor_url or self.sandbox_url,
            # The sites of one run have the same ones.
            "STATIC_ROOT": str(Path(os.environ[TEST_ROOT]) / "static"),
            **environ,
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        demo = self._set_up()
        self.secret: str = demo["secret"]
        self.demo: dict[str, Any] = demo
        self.http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {demo['api_key']}"},
            timeout=30,
        )

    def _set_up(self) -> dict[str, Any]:
        """Copy the installation that the first site of this run has made."""
        template = Path(os.environ[TEST_ROOT]) / "site"
        template.mkdir(exist_ok=True)
        with (template / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (template / "demo.json").exists():
                self._environ["DATA_DIR"] = str(template)
                (template / "demo.json").write_text(self.run(sys.executable, "-c", _SET_UP).stdout)
                self._environ["DATA_DIR"] = str(self.folder)
            shutil.copytree(template, self.folder, dirs_exist_ok=True)
        self.sql("UPDATE generations_providerkey SET endpoint = ?", self._environ["SANDBOX_URL"])
        demo: dict[str, Any] = json.loads((self.folder / "demo.json").read_text())
        return demo

    # Processes

    def start(self, role: str) -> None:
        """Start `web`, `worker`, `films`, `sandbox` or, all under the supervisor, `up`."""
        command = {
            "web": web_command("127.0.0.1", self._port, workers=1, threads=8),
            "worker": (sys.executable, "manage.py", "worker", "--queue=dailies"),
            "films": (sys.executable, "manage.py", "worker", "--queue=films"),
            "sandbox": (sys.executable, "-m", "sandbox"),
            "up": (sys.executable, "manage.py", "up", "--sandbox", "--no-migrate"),
        }[role]
        with self._log_file(role).open("ab") as log:
            self._running[role] = subprocess.Popen(
                [sys.executable, "-I", "-S", reaper.__file__, "90", *command],
                cwd=ROOT,
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        addresses = {"web": [self.url], "sandbox": [self.sandbox_url]}
        for address in addresses.get(role, addresses["web"] if role == "up" else []):
            until(lambda address=address: _answers(f"{address}/healthz"))  # type: ignore[misc]

    def kill(self, role: str) -> None:
        """Kill -9 every process of a role at once; what is above it may start it again."""
        while pids := list(self._processes(role)):
            for pid in pids:
                reaper.send_signal(pid, signal.SIGKILL)
            time.sleep(0.01)
        process = self._running.pop(role, None)
        if process is not None:
            process.wait(30)

    def request_shutdown(self, role: str) -> subprocess.Popen[bytes]:
        """Send SIGTERM to a role's master, as a supervisor does; return its reaper."""
        process = self._running.pop(role)
        process.terminate()
        return process

    def close(self) -> None:
        """End everything without much ado."""
        self.http.close()
        while self._running:
            _, process = self._running.popitem()
            process.terminate()
            time.sleep(0.2)
            process.terminate()  # The second signal does not wait.
            process.wait(40)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the site; it must succeed."""
        done = subprocess.run(
            command, cwd=ROOT, env=self._environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def manage(self, *arguments: str) -> str:
        """Run a management command, which must succeed; return what it prints."""
        return self.run(sys.executable, "manage.py", *arguments).stdout

    def log(self, role: str) -> str:
        """Return all that a role has printed."""
        file = self._log_file(role)
        return file.read_text() if file.exists() else ""

    # The API

    def submit(self, prompt: str, **inputs: Any) -> str:
        """Submit a cheap generation; return its task id."""
        body = generation_body(prompt, **{**CHEAP, **inputs})
        reply = self.http.post(GENERATIONS, json=body)
        assert reply.status_code == 200, reply.text
        task_id: str = reply.json()["data"]["taskId"]
        return task_id

    def task(self, task_id: str) -> dict[str, Any]:
        """Return the API's view of a task."""
        task: dict[str, Any] = self.http.get(f"/v1/tasks/{task_id}").json()
        return task

    def ended(self, task_id: str, *, seconds: float = 60) -> dict[str, Any]:
        """Wait for a task's end, as clients hear of it; return the task."""
        until(lambda: self.task(task_id)["status"] in ENDED, seconds=seconds, pause=0.2)
        return self.task(task_id)

    def books(self) -> dict[str, Any]:
        """Return the sandbox's own truth."""
        books: dict[str, Any] = httpx.get(f"{self.sandbox_url}/sandbox/books").json()
        return books

    def audit(self) -> dict[str, Any]:
        """Prove the books; return the demo team's sums."""
        report = json.loads(self.manage("audit", "--json"))
        assert report["ok"], report
        sums: dict[str, Any] = report["teams"]["demo"]
        return sums

    # The database

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """Open the site's database; each statement commits on its own."""
        path = self.folder / "dailies.sqlite3"
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def writes_blocked(self) -> Iterator[None]:
        """Hold the database's only write lock: whoever wants to commit must wait."""
        with self.database() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                connection.rollback()

    def sql(self, statement: str, *values: object) -> list[Mapping[str, Any]]:
        """Run one statement and return its rows."""
        with self.database() as connection:
            return [dict(row) for row in connection.execute(statement, values)]

    def row(self, task_id: str, table: str = "generations_generation") -> Mapping[str, Any]:
        """Return a generation's row, or its film's; an empty one when there is none."""
        key = "generation_id" if table == "generations_film" else "id"
        found = self.sql(f"SELECT * FROM {table} WHERE {key} = ?", UUID(task_id).hex)
        return found[0] if found else {}

    def state(self, task_id: str) -> str:
        """Return a generation's state and, when it needs a review, the reason."""
        row = self.row(task_id)
        return f"{row['state']} {row['review_reason']}".strip()

    def limit_sends(self, *, at_once: int) -> None:
        """Let each key have so many generations at the vendor."""
        self.sql("UPDATE generations_providerkey SET max_in_flight = ?", at_once)

    def make_everything_due(self) -> None:
        """Let time pass while no worker runs: leases, claims and waits are over, submits stale."""
        self.sql(
            "UPDATE generations_generation SET submitted_at = datetime(submitted_at, '-80 seconds')"
            " WHERE state = 'submitting'"
        )
        for table, columns in {
            "platform_site_lease": ["expires_at"],
            "generations_generation": ["next_submit_at", "next_poll_at"],
            "generations_film": ["next_attempt_at", "claimed_until"],
            "generations_storedfile": ["previews_due_at"],
            "accounts_webhookdelivery": ["next_attempt_at", "claimed_until"],
            "generations_callbackreceipt": ["next_check_at"],
        }.items():
            for column in columns:
                self.sql(
                    f"UPDATE {table} SET {column} = datetime('now', '-1 second')"
                    f" WHERE {column} IS NOT NULL"
                )

    def stored_files(self) -> list[str]:
        """Return the names of all films, posters and last frames on disk."""
        root = self.folder / "films"
        return sorted(path.name for path in root.rglob("*") if path.is_file())

    def _log_file(self, role: str) -> Path:
        return self.folder / f"{role}.log"

    def _processes(self, role: str) -> Iterator[int]:
        """Yield the living processes of a role, reapers left out."""
        ours = f"\0DATA_DIR={self.folder}\0".encode()
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes()
                if _MARKS[role] in command and b"reaper.py" not in command:
                    environ = b"\0" + (entry / "environ").read_bytes() + b"\0"
                    if ours in environ:
                        yield int(entry.name)
            except (OSError, ValueError):
                continue


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
