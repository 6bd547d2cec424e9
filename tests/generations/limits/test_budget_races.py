"""Every door at once, and every end at once, on whichever database the tests run with."""

import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from accounts.authority import By
from accounts.models import Project, Team
from billing.errors import InsufficientCredits, SpendLimitExceeded
from billing.models import Hold, SpendLimit, Transfer
from billing.selectors import books_of, use_of
from generations.approvals.service import approve, set_threshold
from generations.callbacks.service import receive_callback
from generations.lifecycle import TERMINAL
from generations.limits.service import cap
from generations.models import CallbackReceipt, Film, Generation
from generations.ordering.submit import Submission, submit_batch, submit_generation
from generations.polling.outcome import PollOutcome, apply_answer
from generations.reports.audit import audit_site
from generations.review.corrections import release_reviewed
from generations.vendors import TaskReport, TaskStatus
from platform_site.errors import Conflict
from tests.factories import SYSTEM, fund, make_api_key, make_member, make_provider_key, make_request
from tests.support.api import Api
from tests.support.desk import Desk, fresh, hear, send
from tests.support.figures import FIGURE
from tests.support.races import race
from tests.support.steps import claim_due

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

CHEAP: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False}
COST = 12
REFUSED = (SpendLimitExceeded, InsufficientCredits)


def now() -> datetime:
    return datetime.now(UTC)


class Doors:
    """One team's doors, each of which admits, or refuses with one of the two reasons."""

    def __init__(self, team: Team) -> None:
        """Open them for four people, two of them with keys, in three projects."""
        self.team = team
        self.owner = make_member(team, "owner")
        self.people = [make_member(team) for _ in range(4)]
        make_provider_key(team, self.people[0].user)
        self.keys = [make_api_key(person) for person in self.people]
        self.projects = [
            Project.objects.create(team=team, name=name, slug=name) for name in ["a", "b", "c"]
        ]
        self.first = self.submit(0)
        patient = make_member(team)
        set_threshold(team=team, above=0, user=patient.user, by=SYSTEM)
        self.waiting = [
            submit_generation(make_request(team, **CHEAP), by=By.member(patient), now=now())
            for _ in range(11)
        ]

    def submit(self, number: int, **more: Any) -> Generation:
        """Submit as the portal does, or with `more` as a retry or remix."""
        return submit_generation(
            make_request(self.team, **CHEAP),
            by=By.member(self.people[number % 4]),
            now=now(),
            project=self.projects[number % 3],
            **more,
        )

    def call(self, number: int) -> str:
        """Submit by the API."""
        header = {"X-Project": "abc"[number % 3]}
        reply = Api(self.keys[number % 4].text).generate(headers=header, **CHEAP)
        assert reply.status_code in {200, 402, 429}, reply.content
        if reply.status_code != 200:
            raise SpendLimitExceeded(reply.json()["error"]["message"], details={})
        return str(reply.json()["data"]["taskId"])

    def batch(self, number: int) -> list[Generation]:
        """Submit a batch across the projects, in either order."""
        orders = [
            Submission(make_request(self.team, **CHEAP), self.keys[number % 4].key, project)
            for project in self.projects[:: 1 if number % 2 else -1]
        ]
        person = self.people[number % 4]
        return submit_batch(orders, by=By.member(person), now=now())

    def approve(self, number: int) -> Generation:
        """Approve one that waits."""
        generation = fresh(self.waiting[number % len(self.waiting)])
        approve(generation, by=By.member(self.owner), now=now())
        return generation

    def any(self, number: int) -> object:
        """Go through one of the doors."""
        match number % 6:
            case 0:
                return self.submit(number)
            case 1:
                return self.call(number)
            case 2:
                return self.batch(number)
            case 3:
                return self.approve(number)
            case 4:
                return self.submit(number, retry_of=self.first)
            case _:
                return self.submit(number, remix_of=self.first)


@pytest.mark.usefixtures("provider_key")
def test_p03_through_every_door_at_once_no_limit_is_passed_by_one_credit(
    team: Team, record_property: Callable[[str, object], None]
) -> None:
    fund(team, 4_000)
    doors = Doors(team)
    for person in doors.people:
        cap(person, window="day", credits=COST * 40 + 5, by=SYSTEM)
    for project in doors.projects:
        cap(project, window="week", credits=COST * 50 + 11, by=SYSTEM)
    for key in doors.keys:
        cap(key.key, window="hour", credits=COST * 20, by=SYSTEM)
    for provider_key in team.provider_keys.all():
        cap(provider_key, window="month", credits=COST * 100, by=SYSTEM)
    cap(team, window="day", credits=COST * 120 + 7, by=SYSTEM)
    cap(team, window="total", credits=COST * 125, by=SYSTEM)
    before = Generation.objects.count()

    def work(number: int) -> list[object]:
        got: list[object] = []
        for turn in range(4):
            try:
                got.append(doors.any(number + turn))
            except REFUSED as refusal:
                got.append(refusal)
            except Conflict as decided:
                got.append(decided)
        return got

    began = time.monotonic()
    results = race(64, work)
    seconds = time.monotonic() - began
    assert [one for one in results if isinstance(one, Exception)] == []
    admitted = Generation.objects.count() - before
    tries = sum(len(one) for one in results if isinstance(one, list))
    record_property(
        FIGURE,
        f"64 callers on {connection.vendor}: {admitted} admitted in {seconds:.1f} s, "
        f"{admitted / seconds:.0f} admissions and {tries / seconds:.0f} answers a second",
    )
    for limit in SpendLimit.objects.all():
        use = use_of(limit)
        assert use.held + use.spent <= limit.credits
    # The team's day is full to the last generation that it has room for.
    assert Generation.objects.count() == 120
    assert books_of(team).held == 120 * COST
    assert Hold.objects.count() == Transfer.objects.filter(kind="hold").count() == 120
    assert Generation.objects.filter(state="awaiting_approval").count() == 0
    assert list(audit_site()) == []


def test_p01_the_last_credits_of_the_wallet_go_to_as_many_as_they_pay_for(desk: Desk) -> None:
    doors = Doors(desk.team)
    left = books_of(desk.team).available
    room = left // COST

    def work(number: int) -> list[str]:
        got = []
        for turn in range(5):
            try:
                doors.submit(number + turn)
                got.append("admitted")
            except InsufficientCredits:
                got.append("refused")
        return got

    results = race(64, work)
    assert [one for one in results if isinstance(one, Exception)] == []
    outcomes = Counter(word for one in results if isinstance(one, list) for word in one)
    assert outcomes == {"admitted": room, "refused": 64 * 5 - room}
    assert books_of(desk.team).available == left - room * COST < COST
    assert list(audit_site()) == []


@pytest.mark.parametrize(("rounds", "callers"), [(1, 200), (25, 8)])
def test_p09_callback_poll_timeout_and_release_together_close_once(
    desk: Desk, rounds: int, callers: int
) -> None:
    desk.cap("team", 1_000, "day")
    for _ in range(rounds):
        generation = send(desk.submit(**CHEAP), now=now() - timedelta(hours=3))
        results = race(callers, partial(attack, generation))
        errors = [one for one in results if isinstance(one, Exception)]
        assert {type(error) for error in errors} <= {Conflict}
        entries = Counter(
            Transfer.objects.filter(hold=generation.hold_id).values_list("kind", flat=True)
        )
        ended = fresh(generation)
        closed = entries["settle"] + entries["release"]
        assert (entries["hold"], closed) == (1, 1 if ended.state in TERMINAL else 0)
        assert entries["adjust"] <= entries["release"]
        hear(generation, TaskStatus.COMPLETED)  # the vendor's word stands, whoever was first
        assert fresh(generation).hold.spent == COST
        closings = Transfer.objects.filter(hold=generation.hold_id, kind__in=["settle", "release"])
        assert closings.count() == 1
        assert Film.objects.filter(generation=generation).count() == 1
    assert Generation.objects.exclude(state__in=TERMINAL).count() == 0
    assert books_of(desk.team).spent == rounds * COST
    assert CallbackReceipt.objects.exists()
    assert list(audit_site()) == []


def attack(generation: Generation, number: int) -> None:
    """Do to a generation what a callback, a poll, a timeout or a person does."""
    upstream_id = generation.upstream_id or ""
    match number % 4:
        case 0:
            receive_callback(
                generation.callback_token,
                headers={"X-Event": "task.completed"},
                body=json.dumps({"id": upstream_id}).encode(),
                sent_from="127.0.0.1",
                now=now(),
            )
        case 1:
            claim_due(now(), limit=10)
            report = TaskReport(
                upstream_id, TaskStatus.COMPLETED, urls=("https://f.example/1.mp4",)
            )
            apply_answer(PollOutcome(fresh(generation), report), now=now())
        case 2:
            apply_answer(PollOutcome(fresh(generation), None), now=now())
        case _:
            release_reviewed(fresh(generation), by=SYSTEM, reason="Not taken.", now=now())
