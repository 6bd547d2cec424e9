"""The clients: they submit through every door, and ask again as good clients do."""

import itertools
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import structlog
from django.db import connections
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership
from generations.models import Generation
from generations.ordering.request import validate_request
from generations.ordering.submit import Submission, submit_batch
from platform_site.errors import DailiesError
from tests.soak.database_retries import patiently
from tests.soak.plan import After, Door, Job, Plan
from tests.soak.teams import PASSWORD, Crew
from tests.soak.webhook_receiver import Receiver
from tests.support.api import GENERATIONS, generation_body

log = structlog.get_logger(__name__)

CALLERS = 12
_PATIENCE_SECONDS = 240.0
_FINAL = frozenset({400, 401, 402, 403, 404, 409, 413, 422})
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Answer:
    """What the site answered a client's submission: a task id, or a refusal."""

    job: Job
    task_id: str = ""
    refusal: str = ""


class Callers:
    """Makes the submissions of a plan, so many at a time; notes every answer."""

    def __init__(
        self,
        plan: Plan,
        crews: Sequence[Crew],
        receiver: Receiver,
        *,
        url: str,
        under_way: int,
        ended: Callable[[], int],
    ) -> None:
        """Prepare; `ended` counts the jobs that are over, so that the rest can follow."""
        self._plan = plan
        self._crews = crews
        self._receiver = receiver
        self._url = url
        self._under_way = under_way
        self._ended = ended
        self._lock = threading.Lock()
        self._local = threading.local()
        self._browsers: dict[str, httpx.Client] = {}
        self.answers: dict[int, Answer] = {}
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self.is_stopped = False

    @property
    def accepted(self) -> int:
        """Return how many submissions were answered so far."""
        return len(self.answers)

    def sign_in(self) -> None:
        """Open a browser for each member and sign in; several callers may share it."""
        for crew in self._crews:
            for seat in crew.seats:
                email = seat.membership.user.email
                client = httpx.Client(base_url=self._url, timeout=60, trust_env=False)
                form = {"login": email, "password": PASSWORD}
                reply = self._ask_with(client, "POST", "/accounts/login/", form=form)
                if reply.status_code != 302:
                    raise RuntimeError(f"{email} cannot sign in: {reply.status_code}")
                self._browsers[email] = client

    def place_all(self) -> None:
        """Submit everything and do what follows; return when each has its answer."""
        with ThreadPoolExecutor(CALLERS, thread_name_prefix="caller") as pool:
            try:
                followers = []
                for bundle in self._bundles():
                    self._wait_for_room()
                    if self.is_stopped:
                        break
                    followers.append(pool.submit(self._handle, bundle))
                for follower in followers:
                    follower.result()
            except BaseException:
                # Ctrl-C: nobody asks again for something that is about to be torn down.
                self.is_stopped = True
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _bundles(self) -> list[list[Job]]:
        """Return the jobs in their order; a batch's neighbours go together."""
        return [
            list(jobs)
            for _, jobs in itertools.groupby(
                self._plan.jobs,
                key=lambda job: (
                    (job.team, job.member, job.door) if job.door == Door.BATCH else job.number
                ),
            )
        ]

    def _wait_for_room(self) -> None:
        while not self.is_stopped and self.accepted - self._ended() > self._under_way:
            time.sleep(0.1)

    def _handle(self, jobs: list[Job]) -> None:
        try:
            if jobs[0].door == Door.BATCH:
                self._order_batch(jobs)
            elif jobs[0].door == Door.PORTAL:
                self._order_in_portal(jobs[0])
            else:
                self._order_by_api(jobs[0])
            for job in jobs:
                self._follow_up(job)
        except Exception as error:
            log.exception("caller_failed", jobs=[job.number for job in jobs])
            self._complain(f"job {jobs[0].number}: {type(error).__name__}: {error}")
        finally:
            connections.close_all()

    # Doors

    def _order_by_api(self, job: Job) -> None:
        seat = self._crews[job.team].seats[job.member]
        inputs = dict(job.inputs)
        if job.has_callback:
            slug = self._crews[job.team].team.slug
            inputs["callback_url"] = self._receiver.url("jobs", slug, job.key)
        body = generation_body(job.prompt, **inputs)
        headers = {"Authorization": f"Bearer {seat.api_key}", "Idempotency-Key": job.key}
        if job.is_doubled:
            twin = threading.Thread(target=self._twin, args=(job, body, headers))
            twin.start()
            try:
                self._note(job, self._ask("POST", GENERATIONS, headers, body))
            finally:
                twin.join()
        else:
            self._note(job, self._ask("POST", GENERATIONS, headers, body))

    def _twin(self, job: Job, body: dict[str, object], headers: dict[str, str]) -> None:
        self._note(job, self._ask("POST", GENERATIONS, headers, body))

    def _order_batch(self, jobs: list[Job]) -> None:
        membership = self._crews[jobs[0].team].seats[jobs[0].member].membership
        try:
            admitted = patiently(lambda: self._submit_batch(jobs, membership))
        except DailiesError as refusal:
            for job in jobs:
                self._answer(Answer(job, refusal=refusal.code))
        else:
            for job, generation in zip(jobs, admitted, strict=True):
                self._answer(Answer(job, task_id=str(generation.id)))

    def _submit_batch(self, jobs: list[Job], membership: Membership) -> list[Generation]:
        now = timezone.now()
        submissions = [
            Submission(
                validate_request(
                    generation_body(job.prompt, **job.inputs), team=membership.team, now=now
                ),
                idempotency_key=job.key,
            )
            for job in jobs
        ]
        return submit_batch(submissions, by=By.member(membership), now=now)

    def _order_in_portal(self, job: Job) -> None:
        """Fill the studio's form; sent again as it is, it submits nothing twice."""
        membership = self._crews[job.team].seats[job.member].membership
        form = {
            **{name: str(value) for name, value in job.inputs.items() if name != "generate_audio"},
            **({"generate_audio": "on"} if job.inputs["generate_audio"] else {}),
            "prompt": job.prompt,
            "team": membership.team.slug,
            "idempotency_key": job.key,
        }
        form.setdefault("aspect_ratio", "16:9")
        client = self._browsers[membership.user.email]
        reply = self._ask_with(client, "POST", "/studio/submit/", form=form)
        if reply.status_code == 302 and reply.headers["location"] == "/":
            earlier = Generation.objects.filter(team=membership.team, idempotency_key=job.key)
            self._answer(Answer(job, task_id=str(patiently(lambda: earlier.get().id))))
        elif reply.status_code == 200:  # the form again, with a refusal in words
            self._answer(Answer(job, refusal="portal"))
        else:
            self._complain(f"job {job.number}: the portal answered {reply.status_code}")

    # What follows a submission

    def _follow_up(self, job: Job) -> None:
        answer = self.answers.get(job.number)
        if answer is None or not answer.task_id or job.after == After.NOTHING:
            return
        crew = self._crews[job.team]
        own = job.after == After.CANCEL
        key = crew.seats[job.member].api_key if own else crew.manager_key
        if own:
            time.sleep(random.Random(job.number).choice([0, 0, 0.3, 2.0]))
        reply = self._ask(
            "POST",
            f"/v1/tasks/{answer.task_id}/{job.after}",
            {"Authorization": f"Bearer {key}"},
            {},
        )
        # 409: it is past that, maybe because the first asking worked and its answer was lost.
        self.counts[f"{job.after} {reply.status_code}"] += 1
        if reply.status_code not in {200, 409}:
            self._complain(f"job {job.number}: {job.after} answered {reply.status_code}")

    # Asking

    def _note(self, job: Job, reply: httpx.Response) -> None:
        if reply.status_code == 200:
            self._answer(Answer(job, task_id=reply.json()["data"]["taskId"]))
        else:
            self._answer(Answer(job, refusal=reply.json()["error"]["code"]))

    def _answer(self, answer: Answer) -> None:
        number = answer.job.number
        with self._lock:
            earlier = self.answers.setdefault(number, answer)
            if answer.refusal:
                self.counts[f"refused: {answer.refusal}"] += 1
            # Of two callers with one key the second may be refused when the first one was; never
            # may two ids be told.
            if earlier.task_id and answer.task_id and earlier.task_id != answer.task_id:
                self.problems.append(f"job {number} has two task ids")
            if answer.task_id and not earlier.task_id:
                self.answers[number] = answer

    def _ask(
        self, method: str, path: str, headers: dict[str, str], body: dict[str, object]
    ) -> httpx.Response:
        client: httpx.Client | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = httpx.Client(
                base_url=self._url, timeout=60, trust_env=False
            )
        return self._ask_with(client, method, path, headers=headers, body=body)

    def _ask_with(
        self,
        client: httpx.Client,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        body: dict[str, object] | None = None,
        form: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Ask until there is a final answer. Raises TimeoutError."""
        ends = time.monotonic() + _PATIENCE_SECONDS
        wait = 0.2
        while True:
            try:
                data = form and {**form, "csrfmiddlewaretoken": _csrf_token(client)}
                reply = client.request(method, path, headers=headers, json=body, data=data)
            except httpx.TransportError as error:
                self.counts[f"asked again: {type(error).__name__}"] += 1
                problem = repr(error)
            else:
                if _is_final(reply):
                    return reply
                self.counts[f"asked again: {reply.status_code}"] += 1
                problem = f"{reply.status_code} {reply.text[:200]}"
            if time.monotonic() > ends or self.is_stopped:
                raise TimeoutError(f"{method} {path}: {problem}")
            time.sleep(wait)
            wait = min(wait * 1.7, 5.0)

    def _complain(self, problem: str) -> None:
        with self._lock:
            self.problems.append(problem)


def _is_final(reply: httpx.Response) -> bool:
    if reply.status_code < 400 or reply.status_code in _FINAL:
        return True
    return reply.status_code == 429 and "spend_limit_exceeded" in reply.text


def _csrf_token(client: httpx.Client) -> str:
    """Fetch a page with a form, as a browser does before it can send one."""
    signed_in = "sessionid" in client.cookies
    page = client.get("/" if signed_in else "/accounts/login/")
    if page.status_code != 200:
        raise httpx.ReadError(f"The page answered {page.status_code}.")
    found = _CSRF.search(page.text)
    if found is None:
        raise httpx.ReadError("The page holds no form.")
    return found[1]
