"""Compare everybody's books: the clients', ours, the vendor's and the receivers'."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import httpx
from django.core.files.storage import storages
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from accounts.models import WebhookDelivery
from billing.models import Hold
from generations.lifecycle import TERMINAL, State
from generations.models import Film, Generation, ProviderKey
from generations.reconciliation.compare import APART
from generations.reconciliation.sampling import take_sample
from tests.soak.clients import Answer
from tests.soak.hosts import Host
from tests.soak.plan import CAPPED_TEAM, POOR_TEAM, Plan, number_of
from tests.soak.teams import Crew
from tests.soak.vendor_books import Books, consumed_by
from tests.soak.webhook_receiver import Message, Receiver

# The films that the vendor never gives.
FILMLESS = ("no-url", "expired-link")
_SHOWN_FILMS = 25
_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One statement that must hold, what was looked at, and what contradicts it."""

    name: str
    looked_at: int
    problems: Sequence[str] = ()


class Reconciliation:
    """Everybody's books after the end. Nothing of the site works any more while it looks."""

    def __init__(
        self,
        plan: Plan,
        crews: Sequence[Crew],
        answers: Mapping[int, Answer],
        books: Books,
        receiver: Receiver,
    ) -> None:
        """Read all generations once."""
        self._plan = plan
        self._crews = crews
        self._answers = answers
        self._books = books
        self._receiver = receiver
        self.generations: dict[int, list[Generation]] = defaultdict(list)
        self._unknown: list[str] = []
        for generation in Generation.objects.select_related("hold", "film", "team"):
            number = number_of(generation.prompt)
            if number is None:
                self._unknown.append(f"generation {generation.pk} belongs to no job")
            else:
                self.generations[number].append(generation)

    def _each(self) -> list[tuple[int, Generation]]:
        return [(number, one) for number, rows in self.generations.items() for one in rows]

    def nothing_lost(self) -> Check:
        """Each accepted submission has one generation, with the answered id; a refused one none."""
        problems = list(self._unknown)
        for job in self._plan.jobs:
            answer, rows = self._answers.get(job.number), self.generations[job.number]
            if answer is None:
                problems.append(f"job {job.number} was never answered")
            elif answer.task_id and [str(row.pk) for row in rows] != [answer.task_id]:
                problems.append(f"job {job.number} was told {answer.task_id}, there is {rows!r}")
            elif answer.refusal and rows:
                problems.append(f"job {job.number} was refused ({answer.refusal}), there is one")
            elif answer.refusal and job.team not in {CAPPED_TEAM, POOR_TEAM}:
                problems.append(f"job {job.number} was refused: {answer.refusal}")
        return Check("accepted submissions have one generation each", len(self._answers), problems)

    def all_ended(self) -> Check:
        """Every generation is over, once, and its hold is closed."""
        problems = [
            f"job {number} is {one.state} {one.review_reason}".strip()
            for number, one in self._each()
            if one.state not in TERMINAL
        ]
        ends = Count(
            "events", filter=Q(events__kind="moved", events__to_state__in=sorted(TERMINAL))
        )
        problems += [
            f"generation {one.pk} ended {one.ends} times"
            for one in Generation.objects.annotate(ends=ends).exclude(ends=1)
        ]
        problems += [f"hold {hold.pk} is open" for hold in Hold.objects.filter(closed_at=None)]
        return Check("generations ended once, their holds closed", len(self._each()), problems)

    def nothing_paid_twice(self) -> Check:
        """The vendor has at most one task for a job, and none for a refused one."""
        problems = [
            f"job {number} has {len(tasks)} tasks at the vendor"
            for number, tasks in self._books.tasks.items()
            if len(tasks) > 1
        ]
        problems += [
            f"job {number} is no generation of ours and has a task at the vendor"
            for number in self._books.tasks
            if not self.generations[number]
        ]
        return Check("tasks at the vendor, at most one a job", len(self._books.tasks), problems)

    def money_agrees(self) -> Check:
        """Each generation cost what the vendor took for it."""
        problems = []
        for number, one in self._each():
            task = self._books.task_of(number)
            charged = task.charged if task else 0
            if one.hold.spent != charged:
                problems.append(
                    f"job {number} ({one.state} {one.error_code}) cost us {one.hold.spent}, the "
                    f"vendor took {charged} ({task.status if task else 'no task'})"
                )
            if one.upstream_id and (task is None or task.id != one.upstream_id):
                problems.append(f"job {number} has another upstream id than the vendor")
            if one.state == State.CANCELLED and task is not None:
                problems.append(f"job {number} was cancelled and is at the vendor")
        return Check("generations cost what the vendor took", len(self._each()), problems)

    def keys_agree(self, vendor_url: str) -> Check:
        """Each provider key's usage at the vendor is what we spent with it."""
        spent = Sum(F("hold__settled") + F("hold__adjusted"))
        ours = dict(
            Generation.objects.order_by()
            .values("provider_key")
            .annotate(sum=spent)
            .values_list("provider_key", "sum")
        )
        problems, keys = [], 0
        for crew in self._crews:
            for key, secret in crew.provider_keys.items():
                keys += 1
                theirs = consumed_by(vendor_url, secret)
                if theirs != (ours.get(key) or 0):
                    problems.append(f"key {key}: we spent {ours.get(key)}, its usage: {theirs}")
        total = sum(ours.values())
        if total != self._books.consumed - self._books.strangers:
            problems.append(f"we spent {total} in all, the vendor took {self._books.consumed}")
        return Check("provider keys' meters show what we spent", keys, problems)

    def films_kept(self) -> Check:
        """Every completed one has its film, whole, or says why it has none."""
        problems: list[str] = []
        digests: dict[str, str] = {}
        films = [(n, one) for n, one in self._each() if one.state == State.COMPLETED]
        for number, one in films:
            job, film = self._plan.jobs[number], getattr(one, "film", None)
            endless = "truncated" in job.faults  # without a number
            if film is None:
                problems.append(f"job {number} is completed and has no film's row")
            elif job.meets(*FILMLESS) or endless:
                if film.state != Film.State.GIVEN_UP or not film.problem:
                    problems.append(f"job {number}: a film that never was is {film.state}")
            elif film.state != Film.State.KEPT:
                problems.append(f"job {number}: film {film.state}: {film.problem}")
            else:
                name = film.file_name
                digests[name] = digests.get(name) or _digest_of(name)
                if digests[name] != film.sha256:
                    problems.append(f"job {number}: {name} is not what was kept")
                if film.differs:
                    problems.append(f"job {number}: its film differs: {film.differs}")
        return Check("completed ones have their film or its story", len(films), problems)

    def clients_hear(self) -> Check:
        """Each job's own receiver heard of its end, with one id, in the right words."""
        problems, heard = [], 0
        for number, one in self._each():
            job = self._plan.jobs[number]
            if not job.has_callback:
                continue
            messages = self._receiver.taken("jobs", one.team.slug, job.key)
            heard += len(messages)
            word = "completed" if one.state == State.COMPLETED else "failed"
            problems += [f"job {number}: {words}" for words in _wrong_with(messages, one, word)]
        return Check("clients heard of the end, once each", heard, problems)

    def deliveries_arrived(self) -> Check:
        """Every row of the outbox arrived, at least once, under its own id, signed."""
        problems = [f"badly signed: {name}" for name in self._receiver.badly_signed]
        rows = WebhookDelivery.objects.select_related("team", "endpoint")
        for row in rows:
            kind, team, name = row.url.rsplit("/", 3)[1:]
            ids = Counter(message.id for message in self._receiver.taken(kind, team, name))
            if row.state != WebhookDelivery.State.DELIVERED:
                problems.append(f"{row.event} {row.pk} is {row.state}: {row.response_note}")
            elif not ids[str(row.pk)]:
                problems.append(f"{row.event} {row.pk} is said to be delivered, and is not")
        return Check("deliveries arrived", len(rows), problems)

    def pages_show_films(self, url: str) -> Check:
        """The API says what happened, and links give the film's bytes, for some of the jobs."""
        problems, shown = [], 0
        for number, one in self._each():
            film = getattr(one, "film", None)
            if film is None or film.state != Film.State.KEPT or shown >= _SHOWN_FILMS:
                continue
            shown += 1
            job = self._plan.jobs[number]
            key = self._crews[job.team].seats[job.member].api_key
            headers = {"Authorization": f"Bearer {key}"}
            task = httpx.get(f"{url}/v1/tasks/{one.pk}", headers=headers, timeout=30).json()
            links = task.get("output", {}).get("urls", [])
            if task["status"] != "completed" or len(links) != 1:
                problems.append(f"job {number}: the API says {task}")
            elif hashlib.sha256(httpx.get(links[0], timeout=30).content).hexdigest() != film.sha256:
                problems.append(f"job {number}: its link gives something else")
        return Check("tasks and links of kept films", shown, problems)


def audit_is_clean(host: Host) -> Check:
    """`manage.py audit`, as an operator runs it."""
    done = host.manage("audit", "--json")
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return Check("audit", 0, [f"status {done.returncode}: {done.stderr[-500:]}"])
    problems = [f"{row['rule']} {row['row']}: {row['problem']}" for row in report["findings"]]
    if done.returncode and not problems:
        problems = [f"status {done.returncode}"]
    return Check("audit", len(report["teams"]), problems)


def usage_is_explained(host: Host) -> Check:
    """`manage.py reconcile` after more samples, as far apart as they must be to prove something:
    what was once unexplained is so no more.
    """
    now = timezone.now()
    for key in ProviderKey.objects.all():
        for place in range(_SAMPLES):
            take_sample(key, now=now + place * (APART + timedelta(seconds=1)))
    done = host.manage("reconcile", "--json")
    try:
        keys = json.loads(done.stdout)["keys"]
    except ValueError:
        return Check("reconcile", 0, [f"status {done.returncode}: {done.stderr[-500:]}"])
    problems = [
        f"{key['team']}, key {key['provider_key']['id']}: {one['verdict']}: {one['detail']}"
        for key in keys
        for one in key["discrepancies"]
    ]
    return Check("reconcile", len(keys), problems)


def only_reviews_hold() -> Check:
    """Before a person decides: open holds are those of generations in review alone."""
    holding = Generation.objects.filter(hold__closed_at=None)
    problems = [
        f"{one.state} {one.pk} {one.prompt[-60:]}"
        for one in holding.exclude(state=State.NEEDS_REVIEW)
    ]
    return Check("open holds are in review", holding.count(), problems)


def _digest_of(name: str) -> str:
    with storages["films"].open(name) as file:
        return hashlib.sha256(file.read()).hexdigest()


def _wrong_with(messages: Sequence[Message], one: Generation, word: str) -> list[str]:
    if not messages:
        return ["nobody told its client"]
    wrong = []
    if len({message.id for message in messages}) != 1:
        wrong.append(f"its client was told under {len({m.id for m in messages})} ids")
    for message in messages:
        said = (message.event, message.task_id, message.body["id"], message.body["status"])
        if said != (f"task.{word}", str(one.pk), str(one.pk), word):
            wrong.append(f"its client was told {said}")
    return wrong
