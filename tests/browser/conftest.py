"""A whole installation with its sandbox, started once, and a Chromium that watches for errors."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from tests.support.api import GENERATIONS, generation_body
from tests.support.ports import free_port
from tests.support.programs import program

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_SECONDS = 90
SHOWN = 15_000  # milliseconds that a busy machine may need for what needs no film
HTMX_GOT_NO_REPLY = {"htmx:afterRequest", "htmx:sendError", "htmx:sendAbort"}

# A team without credits whose owner is a stranger to the demo team, a member of the demo team who
# may spend 60 credits a day, and one person who is in both teams.
SET_UP = """
from accounts.authority import By
from accounts.models import Team, User
from accounts.teams.service import create_team, set_role
from billing.subjects import LimitHolder, Subject
from billing.services.limits import set_limit
from generations.provider_keys.service import add_provider_key
by = By("test", acts_everywhere=True)
demo = Team.objects.get(slug="demo")
poor = create_team(name="Elsewhere", slug="elsewhere", by=by)
add_provider_key(team=poor, owner=None, secret="sk-sandbox-elsewhere-1", label="", by=by)
for email, places in (
    ("charlie@elsewhere.example", ((poor, "owner"),)),
    ("limited@demo.example", ((demo, "member"),)),
    ("both@demo.example", ((demo, "member"), (poor, "owner"))),
    ("nobody@demo.example", ()),
):
    user = User.objects.create_user(email, "PASSWORD", name=email.partition("@")[0].title())
    for team, role in places:
        set_role(team=team, user=user, role=role, by=by)
limited = User.objects.get(email="limited@demo.example")
subject = Subject("member", f"{demo.pk}:{limited.pk}")
set_limit(LimitHolder(demo, subject), window="day", credits=60, by=by)
"""
PASSWORD = "correct horse battery staple"


# What the shell runs to have nothing sent.
PAUSE = "from generations.models import ProviderKey; ProviderKey.objects.update({})"


@dataclass(frozen=True)
class Installation:
    """The site as `manage.py up --sandbox` runs it, and who can sign in."""

    url: str
    environment: dict[str, str]
    logins: dict[str, dict[str, str]]
    api_key: str

    def manage(self, *arguments: str) -> str:
        """Run a `manage.py` command against it and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def order(self, prompt: str, **inputs: Any) -> str:
        """Submit a film by the API, 480p and 4 s unless said otherwise; return its id."""
        body = {"prompt": prompt, "duration": 4, "resolution": "480p", **inputs}
        reply = httpx.post(
            f"{self.url}/v1/videos/generations",
            headers={"Authorization": f"Bearer {self.api_key}"},
            json={"model": "doubao-seedance-1.5-pro", "input": body},
            trust_env=False,
        )
        assert reply.status_code == 200, reply.text
        task_id: str = reply.json()["data"]["taskId"]
        return task_id

    def count(self, prompt: str) -> int:
        """Return how many generations have exactly this prompt."""
        code = (
            "from generations.models import Generation\n"
            f"print('count', Generation.objects.filter(prompt={prompt!r}).count())"
        )
        return int(self.manage("shell", "-v0", "-c", code).split()[-1])


@dataclass
class Desk:
    """Opens pages as somebody, and keeps what the browser complained about."""

    browser: Browser
    installation: Installation
    states: dict[str, Any]
    problems: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def as_(self, who: str, **options: Any) -> Page:
        """Return a page on which `who` has signed in; "" is a stranger."""
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = self.browser.new_context(
            base_url=self.installation.url,
            storage_state=self.states.get(who),
            permissions=["clipboard-read", "clipboard-write"],
            **options,
        )
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SHOWN)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))
        page.on("requestfailed", self._note_failure)
        if who and who not in self.states:
            self._sign_in(page, who)
            self.states[who] = context.storage_state()
        return page

    def _note(self, message: Any) -> None:
        # A page that is itself a 404 is reported by the browser as one failed resource; what htmx
        # says of a request without a reply, `_note_failure` says better.
        event = message.text.partition(",")[0]  # the element follows, in some releases
        known = "status of 404" in message.text or event in HTMX_GOT_NO_REPLY
        if message.type == "error" and not known:
            self.problems.append(f"{message.location.get('url')}: {message.text}")

    def _note_failure(self, request: Request) -> None:
        # Leaving a page breaks off what it was asking for.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"{request.url}: {request.failure}")

    def _sign_in(self, page: Page, who: str) -> None:
        login = self.installation.logins[who]
        page.goto("/")
        page.get_by_label("Email").fill(login["email"])
        page.get_by_label("Password").fill(login["password"])
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")


@dataclass(frozen=True)
class Prepared:
    """A folder in which the demo and a second team are set up, for a site on these ports."""

    folder: Path
    ports: tuple[int, int]
    demo: dict[str, Any]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Set up once what each module's installation begins with."""
    folder, ports = tmp_path_factory.mktemp("prepared"), (free_port(), free_port())
    with _running(folder, ports) as (_url, environment):
        demo = json.loads(_manage(environment, "demo", "--json"))
        _manage(environment, "shell", "-v0", "-c", SET_UP.replace("PASSWORD", PASSWORD))
    return Prepared(folder, ports, demo)


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, prepared: Prepared
) -> Iterator[Installation]:
    """Start everything on what was prepared; stop everything at the end."""
    folder = tmp_path_factory.mktemp("installation")
    shutil.copytree(prepared.folder / "data", folder / "data")
    demo = prepared.demo
    with _running(folder, prepared.ports, "--no-migrate") as (url, environment):
        logins = {name: login for name, login in demo.items() if isinstance(login, dict)}
        for email in ("charlie@elsewhere", "limited@demo", "both@demo", "nobody@demo"):
            login = {"email": f"{email}.example", "password": PASSWORD}
            logins[email.partition("@")[0]] = login
        yield Installation(url, environment, logins, demo["api_key"])


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium. Where there is none, these tests fail: nobody else plays films."""
    executable = program("chromium")
    expect.set_options(timeout=SHOWN)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def states() -> dict[str, Any]:
    """Remember who has signed in: the site limits how often one may."""
    return {}


@pytest.fixture
def desk(
    chromium: Browser, installation: Installation, states: dict[str, Any]
) -> Iterator[Callable[..., Page]]:
    """Open pages as somebody; fail when any of them logged an error or broke the CSP."""
    desk = Desk(chromium, installation, states)
    yield desk.as_
    for context in desk.contexts:
        context.close()
    assert desk.problems == []


@pytest.fixture
def paused_key(installation: Installation) -> Iterator[None]:
    """Nothing is sent while this test lasts."""
    installation.manage(
        "shell", "-v0", "-c", PAUSE.format("state='paused', pause_reason='by_hand'")
    )
    yield
    installation.manage("shell", "-v0", "-c", PAUSE.format("state='active', pause_reason=''"))


def order(installation: Installation, prompt: str) -> str:
    """Submit the cheapest film through the API, as the demo's owner; return its id."""
    body = generation_body(prompt, duration=4, resolution="480p", generate_audio=False)
    key = {"Authorization": f"Bearer {installation.api_key}"}
    reply = httpx.post(f"{installation.url}{GENERATIONS}", json=body, headers=key, trust_env=False)
    assert reply.status_code == 200, reply.text
    task_id: str = reply.json()["data"]["taskId"]
    return task_id


@contextmanager
def _running(
    folder: Path, ports: tuple[int, int], *options: str
) -> Iterator[tuple[str, dict[str, str]]]:
    port, sandbox_port = ports
    url = f"http://127.0.0.1:{port}"
    taken_over = {"PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "TMPDIR"}
    environment = {name: os.environ[name] for name in taken_over & set(os.environ)} | {
        "DATA_DIR": str(folder / "data"),
        "PORT": str(port),
        "SANDBOX_PORT": str(sandbox_port),
        "PUBLIC_URL": url,
        "DATABASE_URL": f"sqlite:///{folder / 'data' / 'dailies.sqlite3'}",
        "DEBUG": "false",
        "EMAIL_URL": "console:",
    }
    log = folder / "up.log"
    with log.open("wb") as stream:
        up = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--sandbox", "--port", str(port), *options],
            cwd=ROOT,
            env=environment,
            stdout=stream,
            stderr=stream,
        )
        try:
            _wait_until_ready(up, url, log)
            yield url, environment
        finally:
            up.send_signal(signal.SIGTERM)
            try:
                up.wait(45)
            except subprocess.TimeoutExpired:
                up.kill()
                up.wait()


def _wait_until_ready(up: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and up.poll() is None:
        try:
            if httpx.get(f"{url}/healthz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.25)
    raise AssertionError(f"The site did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _manage(environment: dict[str, str], *arguments: str) -> str:
    return Installation("", environment, {}, "").manage(*arguments)
