"""The course of a soak: load and break, settle, decide, settle, stop, reconcile."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.core.management import call_command

from generations.lifecycle import State
from generations.models import Film
from tests.soak.clients import Callers
from tests.soak.environment import Place
from tests.soak.faults import Chaos, World
from tests.soak.installation import Scene, set_scene, warm_up
from tests.soak.leftover_checks import nothing_left
from tests.soak.monitor import Watch
from tests.soak.plan import Kind, Plan
from tests.soak.reconciling import (
    Check,
    Reconciliation,
    audit_is_clean,
    only_reviews_hold,
    usage_is_explained,
)
from tests.soak.report import checks_of, sorted_counts, table_of
from tests.soak.review_decisions import close_reviews
from tests.soak.tcp_proxy import State as LineState
from tests.soak.teams import Crew, settle_in
from tests.soak.vendor_books import read_books
from tests.soak.waiting import settle
from tests.support.postgres import PrivatePostgres

log = structlog.get_logger(__name__)

_MOST_MEMORY = 6 * 1024**3
_FREEZE_SECONDS = 180.0  # a cluster is missed after 90 s of silence
# Both with a quarter of a second more for each job.
_BLOWS_SECONDS = 240.0  # for what is left of them once everything is submitted
_SETTLE_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a soak."""

    is_good: bool
    counts: dict[str, object]


def run(plan: Plan, place: Place, postgres: PrivatePostgres) -> Outcome:
    """Run a soak in the environment that is set up for it, and print its table."""
    begun = time.monotonic()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    with set_scene(plan, place) as scene:
        warm_up(place, plan)
        crews = settle_in(plan, scene.receiver)
        for host in scene.hosts:
            host.start()
        course = Course(plan, place, scene, crews, postgres)
        try:
            course.load_and_break()
            course.settle_and_decide()
            checks = course.reconcile()
        finally:
            course.end()
    counts = course.counts(checks, time.monotonic() - begun)
    sys.stdout.write(course.table(checks, counts))
    sys.stdout.flush()
    return Outcome(not any(check.problems for check in checks), counts)


class Course:
    """One soak from its first submission to its last comparison."""

    def __init__(
        self,
        plan: Plan,
        place: Place,
        scene: Scene,
        crews: Sequence[Crew],
        postgres: PrivatePostgres,
    ) -> None:
        """Take everything that runs."""
        self._plan = plan
        self._place = place
        self._scene = scene
        self._crews = crews
        self._given_up = threading.Event()
        self._checks: list[Check] = []
        self._decided: Counter[str] = Counter()
        self._watch = Watch(scene.hosts, most_memory=_MOST_MEMORY, give_up=self._give_up)
        self._callers = Callers(
            plan,
            crews,
            scene.receiver,
            url=place.url,
            under_way=max(40, len(plan.jobs) // 6),
            ended=lambda: self._watch.ended,
        )
        world = World(scene.hosts, postgres, scene.vendor, scene.line, place.line_port)
        self._chaos = Chaos(
            plan.blows, world, progress=lambda: self._callers.accepted + self._watch.ended
        )

    def load_and_break(self) -> None:
        """Submit everything while the faults happen."""
        self._callers.sign_in()
        self._watch.start()
        self._chaos.start()
        self._callers.place_all()
        _say(f"{self._callers.accepted} submissions are answered")
        self._chaos.finish(_BLOWS_SECONDS + len(self._plan.jobs) / 4)
        self._scene.line.become(LineState.OPEN)
        self._scene.front.is_kind = True
        _say(f"{sum(self._chaos.dealt.values())} blows are dealt")

    def settle_and_decide(self) -> None:
        """Let everything come to its end; then decide what only a person may."""
        self._settle("after the last blow")
        self._checks.append(only_reviews_hold())
        for _ in range(2):  # What is adopted may turn out to be without an end.
            self._decided += close_reviews(read_books(self._place.vendor_url))
            _say(f"decided in review so far: {dict(self._decided)}")
            self._settle("after deciding")
        self._watch.stop()
        self._checks.append(self._frozen_replaced())

    def reconcile(self) -> list[Check]:
        """Compare all books, stop the hosts in order, and look at what they leave."""
        books = read_books(self._place.vendor_url)
        self._checks.append(audit_is_clean(self._scene.hosts[0]))
        self._checks.append(usage_is_explained(self._scene.hosts[0]))
        look = Reconciliation(
            self._plan, self._crews, self._callers.answers, books, self._scene.receiver
        )
        self._checks += [
            look.nothing_lost(),
            look.all_ended(),
            look.nothing_paid_twice(),
            look.money_agrees(),
            look.keys_agree(self._place.vendor_url),
            look.films_kept(),
            look.clients_hear(),
            look.deliveries_arrived(),
            look.pages_show_films(self._place.url),
        ]
        stops = [
            f"{host.name} ended with {status}"
            for host in self._scene.hosts
            if (status := host.stop())
        ]
        self._checks += [
            Check("hosts stop in order", len(self._scene.hosts), stops),
            nothing_left(self._scene.hosts),
            Check(
                "nothing was ever beyond its limit",
                self._watch.samples,
                sorted(self._watch.problems),
            ),
            Check("callers were served", self._callers.accepted, self._callers.problems),
            self._forgeries_refused(),
            self._blows_dealt(),
        ]
        self._generations = look.generations
        self._books = books
        return self._checks

    def end(self) -> None:
        """Stop the threads; the scene ends the processes."""
        self._callers.is_stopped = True
        self._chaos.finish(0)
        self._watch.stop()

    def counts(self, checks: Sequence[Check], seconds: float) -> dict[str, object]:
        """Return the figures of the last line."""
        rows = [one for found in self._generations.values() for one in found]
        states = Counter(one.state for one in rows)
        films = Counter(one.film.state for one in rows if hasattr(one, "film"))
        failing = {check.name: len(check.problems) for check in checks if check.problems}
        return {
            "ok": not failing,
            "seed": self._plan.seed,
            "jobs": len(self._plan.jobs),
            "kills": sum(self._chaos.dealt[kind] for kind in Kind if kind.is_kill),
            "blows": sum(self._chaos.dealt.values()),
            "accepted": sum(bool(one.task_id) for one in self._callers.answers.values()),
            "refused": sum(bool(one.refusal) for one in self._callers.answers.values()),
            **{state.value: states[state] for state in State if states[state]},
            "decided_in_review": sum(self._decided.values()),
            "lost": self._problems_of(checks, "accepted submissions have one generation each"),
            "paid_twice": self._problems_of(checks, "tasks at the vendor, at most one a job"),
            "open_holds_outside_review": self._problems_of(checks, "open holds are in review"),
            "vendor_tasks": sum(len(tasks) for tasks in self._books.tasks.values()),
            "vendor_took": self._books.consumed - self._books.strangers,
            "spent": sum(one.hold.spent for one in rows),
            "films_kept": films[Film.State.KEPT],
            "films_explained": films[Film.State.GIVEN_UP],
            "webhooks_taken": self._scene.receiver.answers["take"],
            "callbacks": sum(self._scene.front.callbacks.values()),
            "peak_memory_mb": self._watch.peak_memory >> 20,
            "seconds": round(seconds),
            "failing": failing,
        }

    def table(self, checks: Sequence[Check], counts: dict[str, object]) -> str:
        """Return the report for people."""
        figures = {name: value for name, value in counts.items() if name not in {"ok", "failing"}}
        return "\n".join(
            [
                table_of("Blows", sorted_counts(Counter(self._chaos.dealt))),
                table_of(
                    "Callbacks, as the front treated them",
                    sorted_counts(self._scene.front.callbacks),
                ),
                table_of(
                    "Webhooks, as receivers answered", sorted_counts(self._scene.receiver.answers)
                ),
                table_of("Callers", sorted_counts(self._callers.counts)),
                table_of("Decided in review", sorted_counts(self._decided)),
                table_of("Figures", figures),
                checks_of(checks),
            ]
        )

    @property
    def story(self) -> list[str]:
        """Return the blows as they fell."""
        return self._chaos.story

    @staticmethod
    def _problems_of(checks: Sequence[Check], name: str) -> int:
        return sum(len(check.problems) for check in checks if check.name == name)

    def _settle(self, when: str) -> None:
        seconds = _SETTLE_SECONDS + len(self._plan.jobs) / 4
        begun = time.monotonic()
        left = settle(seconds=seconds, is_stopped=self._given_up.is_set, say=_say)
        _say(f"settled {when} in {time.monotonic() - begun:.0f} s; left: {left or 'nothing'}")
        problems = [f"{count} {name} are still in progress" for name, count in left.items()]
        self._checks.append(Check(f"all settled {when}", len(self._plan.jobs), problems))

    def _frozen_replaced(self) -> Check:
        """A frozen cluster is found out and replaced, even if that takes a while."""
        ends = time.monotonic() + _FREEZE_SECONDS
        frozen = self._chaos.frozen
        while time.monotonic() < ends and not self._given_up.is_set():
            left = [
                f"{host.name}: cluster {master.pid} is still frozen"
                for host, master in frozen
                if master.pid in {one.pid for one in host.cluster_masters()}
            ]
            if not left:
                break
            time.sleep(1.0)
        return Check("frozen clusters were replaced", len(frozen), left if frozen else [])

    def _forgeries_refused(self) -> Check:
        taken = self._scene.front.forgeries_taken
        problems = [f"{taken} forged callbacks were taken"] if taken else []
        forged = self._scene.front.callbacks["forged"]
        return Check("forged paths are turned away", forged, problems)

    def _blows_dealt(self) -> Check:
        problems = list(self._chaos.problems)
        kills = sum(self._chaos.dealt[kind] for kind in Kind if kind.is_kill)
        if kills < self._plan.kills:
            problems.append(f"{kills} of {self._plan.kills} kills")
        return Check("the blows fell", sum(self._chaos.dealt.values()), problems)

    def _give_up(self, reason: str) -> None:
        log.error("soak_given_up", reason=reason)
        self._callers.is_stopped = True
        self._given_up.set()
        self._checks.append(Check("the machine bears it", 1, [reason]))


def _say(words: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {words}\n")
    sys.stdout.flush()
