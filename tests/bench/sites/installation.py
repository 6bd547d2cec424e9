"""An installed site of one tree, of which fresh copies are run."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.bench.measure.processes import Used, used_by
from tests.bench.sites.databases import Database
from tests.bench.sites.trees import ROOT, Tree
from tests.support.ports import free_port

START_SECONDS = 120.0
STOP_SECONDS = 100.0
PATIENCE_SECONDS = 3.0  # with a site that is thrown away
CREDITS = 10**9
MANY = 10**6
# Two limits over every generation: of the team and of its demo key.
_LIMITS: tuple[list[str], ...] = ([], ["--api-key", "Demo key"])


@dataclass(frozen=True)
class RunningSite:
    """A copy that runs. `demo` is what `manage.py demo --json` says: the key, people's logins."""

    url: str
    demo: dict[str, Any]
    database: Database
    supervisor: int
    folder: Path
    environ: dict[str, str]
    tree: Tree

    @property
    def api_key(self) -> str:
        """Return the demo team's key."""
        key: str = self.demo["api_key"]
        return key

    def used(self) -> Used:
        """Return what all processes of the site used so far, its database's included."""
        return used_by(self.supervisor, *self.database.servers)

    def client(self) -> httpx.Client:
        """Return a client that calls the API with the demo key."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=60)

    def log(self) -> str:
        """Return what the site has written so far."""
        return (self.folder / "up.log").read_text(errors="replace")


class Installation:
    """A site that was migrated and set up, and does not run."""

    def __init__(self, tree: Tree, database: Database, folder: Path, vendor_url: str) -> None:
        """Migrate, and set up the demo team with credits, limits and a key at the stub vendor."""
        self.tree = tree
        self.database = database
        self.folder = folder
        self._vendor_url = vendor_url
        self.manage("migrate", "--no-input", "--verbosity=0")
        self.manage("createcachetable", "--verbosity=0")
        self.demo: dict[str, Any] = json.loads(self.manage("demo", "--json"))
        person = ["--team", "demo", "--user", "member@demo.example"]
        issued = self.manage("issue_api_key", *person, "--name", "Tight", "--total", "50")
        # A key whose limit refuses all but cheap films.
        self.tight_key = issued.strip().splitlines()[-1]
        self.manage("grant", "demo", str(CREDITS), "--reason", "To be measured")
        for scope in _LIMITS:
            limit = ["--window", "month", "--credits", str(CREDITS)]
            self.manage("set_limit", "demo", *limit, *scope)
        database.sql(
            "UPDATE generations_providerkey SET endpoint = %s, max_in_flight = %s, "
            "next_sample_at = NULL",
            vendor_url,
            MANY,
        )

    def manage(self, *arguments: str) -> str:
        """Run a command of the tree's `manage.py` and return what it prints."""
        return run_manage(self.tree, self._environ(self.folder, self.database), *arguments)

    def inside_original(self, module: str, *arguments: str) -> Any:
        """Run a module of `tests/bench/inside` on the site itself, for all copies to come."""
        environ = self._environ(self.folder, self.database)
        return run_inside(self.tree, environ, module, *arguments)

    def inside(self, module: str, *arguments: str) -> Any:
        """Run a module of `tests/bench/inside` on a copy and return what it prints."""
        with tempfile.TemporaryDirectory(prefix="dailies-bench-") as path:
            folder = Path(path)
            shutil.copytree(self.folder, folder, dirs_exist_ok=True)
            with self.database.copied(folder) as database:
                environ = self._environ(folder, database)
                return run_inside(self.tree, environ, module, *arguments)

    @contextlib.contextmanager
    def running(
        self, *roles: str, web_workers: int = 1, with_sandbox: bool = False
    ) -> Iterator[RunningSite]:
        """Run a copy of it, of all roles if none is named, until the block ends."""
        with tempfile.TemporaryDirectory(prefix="dailies-bench-") as path:
            folder = Path(path)
            shutil.copytree(self.folder, folder, dirs_exist_ok=True)
            with self.database.copied(folder) as database:
                environ = self._environ(folder, database)
                port = free_port()
                environ |= {"PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
                flags = [f"--web-workers={web_workers}", *(f"--only={role}" for role in roles)]
                flags += ["--sandbox"] if with_sandbox else []
                with _up(self.tree, environ, folder, flags) as up:
                    url = environ["PUBLIC_URL"]
                    if not roles or "web" in roles:
                        wait_until_answered(up, f"{url}/healthz", folder / "up.log")
                    yield RunningSite(url, self.demo, database, up.pid, folder, environ, self.tree)

    def _environ(self, folder: Path, database: Database) -> dict[str, str]:
        return {
            **self.tree.environ(),
            **database.environ,
            "DATA_DIR": str(folder),
            "EMAIL_URL": "memory:",
            "SANDBOX_URL": self._vendor_url,
            "SANDBOX_PORT": str(free_port()),
        }


def run_manage(tree: Tree, environ: dict[str, str], *arguments: str) -> str:
    """Run a command of a tree's `manage.py`. Raises RuntimeError with what it complains of."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=tree.folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = f"{done.stdout[:700]} {done.stderr}"
        raise RuntimeError(f"{tree.commit}: manage.py {' '.join(arguments)}: {said[-1500:]}")
    return done.stdout


def run_inside(tree: Tree, environ: dict[str, str], module: str, *arguments: str) -> Any:
    """Run a module of `tests/bench/inside` with a tree's packages; return what it prints.

    Raises RuntimeError with what it complains of.
    """
    runner = str(ROOT / "tests" / "bench" / "inside" / "run.py")
    done = subprocess.run(
        [sys.executable, runner, module, *arguments],
        cwd=tree.folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{tree.commit}: {module}: {done.stderr[-1500:]}")
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def _up(
    tree: Tree, environ: dict[str, str], folder: Path, flags: list[str]
) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "manage.py", "up", "--no-migrate", *flags]
    with (folder / "up.log").open("wb") as log:
        up = subprocess.Popen(command, cwd=tree.folder, env=environ, stdout=log, stderr=log)
    try:
        yield up
    finally:
        up.send_signal(signal.SIGINT)
        try:
            up.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            # A second one does not wait.
            up.send_signal(signal.SIGINT)
            up.wait(STOP_SECONDS)


def wait_until_answered(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    """Wait for a 200 of `url`. Raises `RuntimeError`, with the end of the log, when none comes."""
    ends = time.monotonic() + START_SECONDS
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < ends and server.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if client.get(url).status_code == 200:
                    return
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer: {log.read_text(errors='replace')[-1500:]}")
