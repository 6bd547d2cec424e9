"""Any order of grants, submits, decisions, reports and corrections, against a model of the books.

Admission must agree with the model to the credit, and so must every sum. See `bookkeeper` and
`moves`.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import Max
from django.test import TestCase
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from accounts.authority import By
from accounts.models import AuditEvent, Project
from accounts.roles import Role
from billing.errors import InsufficientCredits, SpendLimitExceeded
from billing.models import Rate, SpendLimit, Transfer
from billing.selectors import Books, books_of, use_of
from billing.windows import Window
from generations.approvals.service import expire_approvals, set_threshold
from generations.lifecycle import TERMINAL, State
from generations.limits.scopes.base import LimitTarget
from generations.limits.service import cap, cap_own
from generations.models import Generation, GenerationEvent
from generations.ordering.submit import Submission, submit_batch
from generations.reports.audit import audit_site
from tests.factories import (
    SYSTEM,
    fund,
    make_api_key,
    make_member,
    make_provider_key,
    make_request,
    make_team,
)
from tests.support.bookkeeper import ZURICH, Job, Person, Scope
from tests.support.desk import SCOPES, fresh
from tests.support.moves import Moves

START = datetime(2026, 3, 28, 21, 59, 50, tzinfo=UTC)  # 22:59:50, the night before clocks change
JUMPS = [
    timedelta(minutes=20),
    timedelta(hours=1),
    timedelta(hours=2, minutes=30),
    timedelta(days=1),
    timedelta(days=3),
    timedelta(days=32),
]
RESOLUTIONS = ["480p", "720p"]

LOGS = [Transfer, AuditEvent, GenerationEvent]
PICK = st.integers(min_value=0, max_value=1_000)
INPUTS = st.fixed_dictionaries(
    {
        "duration": st.integers(4, 12),
        "resolution": st.sampled_from(RESOLUTIONS),
        "generate_audio": st.booleans(),
    }
)
ITEM = st.tuples(INPUTS, st.booleans(), st.sampled_from([0, 1, None]))  # by key? which project?
Item = tuple[dict[str, Any], bool, int | None]


class Story(Moves, RuleBasedStateMachine):
    """The desk of one team, in a database that forgets each example."""

    def __init__(self) -> None:
        """Begin with a team of three, two of them with API keys, and 300 credits."""
        super().__init__()
        self.atomics = TestCase._enter_atomics()  # type: ignore[attr-defined]
        self.clock = time_machine.travel(START, tick=False)
        self.time = self.clock.start()
        self.team = make_team("Studio")
        self.owner = make_member(self.team, Role.OWNER)
        shared = make_provider_key(self.team)
        self.people = []
        for own in [True, False]:
            member = make_member(self.team)
            key = make_provider_key(self.team, member.user) if own else shared
            self.people.append(Person(member, make_api_key(member).key, key.pk))
        self.provider_keys = {shared.pk: shared} | {
            key.pk: key for key in self.team.provider_keys.all()
        }
        self.projects = [
            Project.objects.create(team=self.team, name=name, slug=name) for name in ["a", "b"]
        ]
        self.prices = {
            (rate.resolution, rate.audio): rate.credits_per_second for rate in Rate.objects.all()
        }
        self.audited: list[int] = []

    def teardown(self) -> None:
        """Forget everything."""
        self.clock.stop()
        TestCase._rollback_atomics(self.atomics)  # type: ignore[attr-defined]

    # Money in, limits, prices, time

    @initialize(above=st.sampled_from([None, 60]))
    def begin(self, above: int | None) -> None:
        self.grant()
        self.set_threshold("team", 0, above)

    @rule()
    def grant(self) -> None:
        fund(self.team, 300)
        self.granted += 300

    @rule(
        scope=st.sampled_from(SCOPES),
        pick=st.integers(0, 1),
        window=st.sampled_from(Window.values),
        credits=st.integers(-50, 400).map(lambda credits: credits if credits >= 0 else None),
    )
    def set_limit(self, scope: str, pick: int, window: str, credits: int | None) -> None:
        person = self.people[pick]
        choices: dict[str, tuple[LimitTarget, int]] = {
            "api_key": (person.api_key, person.api_key.pk),
            "provider_key": (self.provider_keys[person.provider_key], person.provider_key),
            "project": (self.projects[pick], pick),
            "own": (person.membership, person.membership.user.pk),
            "member": (person.membership, person.membership.user.pk),
            "team": (self.team, 0),
        }
        target, key = choices[scope]
        if scope == "own":
            by = By.member(person.membership)
            cap_own(person.membership, window=window, credits=credits, by=by)
        else:
            cap(target, window=window, credits=credits, by=SYSTEM)
        if credits is None:
            self.limits.pop(((scope, key), window), None)
        else:
            self.limits[(scope, key), window] = credits

    @rule(
        scope=st.sampled_from(["team", "member", "project"]),
        pick=st.integers(0, 1),
        above=st.none() | st.integers(40, 160),
    )
    def set_threshold(self, scope: str, pick: int, above: int | None) -> None:
        user = self.people[pick].membership.user if scope == "member" else None
        project = self.projects[pick] if scope == "project" else None
        set_threshold(team=self.team, above=above, user=user, project=project, by=SYSTEM)
        key = (scope, user.pk if user else pick if project else 0)
        if above is None:
            self.thresholds.pop(key, None)
        else:
            self.thresholds[key] = above

    @rule(resolution=st.sampled_from(RESOLUTIONS), audio=st.booleans(), price=st.integers(1, 20))
    def change_price(self, resolution: str, audio: bool, price: int) -> None:
        self.time.shift(timedelta(seconds=1))
        rate = Rate.objects.filter(resolution=resolution, audio=audio).first()
        assert rate is not None
        Rate.objects.create(
            model=rate.model,
            resolution=resolution,
            audio=audio,
            credits_per_second=price,
            effective_from=self.now,
        )
        self.prices[resolution, audio] = price

    @rule(by=st.sampled_from([*JUMPS, "hour", "day"]))
    def jump(self, by: timedelta | str) -> None:
        """Let time pass, or all but a second of the hour or day."""
        if isinstance(by, timedelta):
            self.time.shift(by)
            return
        start = {"minute": 0, "second": 0} | ({"hour": 0} if by == "day" else {})
        step = timedelta(hours=1) if by == "hour" else timedelta(days=1)
        local = (self.now + timedelta(seconds=2)).astimezone(ZURICH) + step
        border = local.replace(**start).astimezone(UTC)  # type: ignore[arg-type]
        self.time.move_to(border - timedelta(seconds=1))

    # Submits

    @rule(pick=st.integers(0, 1), item=ITEM)
    def submit(self, pick: int, item: Item) -> None:
        self.submit_all(pick, [item])

    @rule(pick=st.integers(0, 1), items=st.lists(ITEM, min_size=2, max_size=3))
    def submit_batch(self, pick: int, items: list[Item]) -> None:
        self.submit_all(pick, items)

    def submit_all(self, pick: int, items: list[Item]) -> None:
        """Submit; the model says whether it is admitted, and if not, who refuses which item."""
        person = self.people[pick]
        orders, expected = [], []
        before = list(self.jobs)
        obstacle, culprit = None, 0
        for place, (inputs, by_key, project) in enumerate(items):
            api_key = person.api_key if by_key else None
            named = None if project is None else self.projects[project]
            orders.append(Submission(make_request(self.team, **inputs), api_key, named))
            price = self.prices[inputs["resolution"], inputs["generate_audio"]]
            credits = price * inputs["duration"]
            scopes = self.scopes_of(person, by_key=by_key, project=project)
            if obstacle is None:
                obstacle, culprit = self.obstacle(scopes, credits), place
            job = Job(Generation(), credits, scopes, self.now)
            expected.append((job, self.asks(person, project, credits)))
            self.jobs.append(job)
        said: tuple[str | None, int]
        try:
            rows = submit_batch(orders, by=By.member(person.membership), now=self.now)
        except (SpendLimitExceeded, InsufficientCredits) as refusal:
            said = (refusal.details["scope"], refusal.details.get("item", 0))
            rows, self.jobs = [], before
        else:
            said = (None, 0)
        assert said == (obstacle, culprit if obstacle else 0)
        for row, (job, asks) in zip(rows, expected, strict=False):
            job.row = row
            assert row.credits == job.credits
            assert (row.state == State.AWAITING_APPROVAL) == asks

    @rule()
    def expire(self) -> None:
        expire_approvals(now=self.now)
        for job in self.jobs:
            if job.row.state == State.AWAITING_APPROVAL and self.expired(job):
                job.money = "free"

    # One generation's life

    @rule(pick=PICK, turns=st.lists(PICK, min_size=2, max_size=8))
    @precondition(lambda self: self.jobs)
    def live(self, pick: int, turns: list[int]) -> None:
        """Take a generation some moves on, each one of those that its state has."""
        job = self.jobs[-1 - pick % len(self.jobs)]
        for turn in turns:
            moves = self.moves_of(job)
            moves[turn % len(moves)](job)
            job.row = fresh(job.row)

    # What must hold after every step

    @invariant()
    def the_books_are_the_models(self) -> None:
        rows = Generation.objects.select_related("hold").in_bulk()
        assert len(rows) == len(self.jobs)
        for job in self.jobs:
            job.row = rows[job.row.pk]
            # P05: nothing that ended holds anything.
            assert job.row.hold.is_open == (job.row.state not in TERMINAL) == (job.money == "held")
            assert job.row.hold.spent == (job.credits if job.money == "spent" else 0)
        books = books_of(self.team)
        assert books.granted == books.available + books.held + books.spent
        assert books == Books(self.granted, self.available, self.total("held"), self.total("spent"))
        self.expect_limits_to_count_their_window()
        written = [table.objects.aggregate(last=Max("pk"))["last"] for table in LOGS]
        if written != self.audited:  # nothing moves without one of these rows
            assert list(audit_site()) == []
            self.audited = written

    def expect_limits_to_count_their_window(self) -> None:
        rows = {
            (one.subject_kind, one.subject_id, one.window): one for one in SpendLimit.objects.all()
        }
        assert len(rows) == len(self.limits)
        for (scope, window), credits in self.limits.items():
            limit = rows[(*self.subject(scope), window)]
            use = use_of(limit)
            counted = (self.count(scope, window, "held"), self.count(scope, window, "spent"))
            assert (limit.credits, use.held, use.spent) == (credits, *counted)

    def subject(self, scope: Scope) -> tuple[str, str]:
        kind, key = scope
        if kind in {"member", "own"}:
            return "member", f"{self.team.pk}:{key}" + (":own" if kind == "own" else "")
        if kind == "project":
            return kind, str(self.projects[key].pk)
        return kind, str(self.team.pk if kind == "team" else key)


@pytest.mark.django_db
def test_p12_whatever_happens_the_books_say_what_a_list_of_jobs_says(
    settings_of_site: Settings,
) -> None:
    settings_of_site.TIME_ZONE = "Europe/Zurich"
    run_state_machine_as_test(
        Story,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def settings_of_site(settings: Settings) -> Settings:  # Hypothesis has a `settings` of its own
    """The site's settings, to be changed in one test."""
    return settings
