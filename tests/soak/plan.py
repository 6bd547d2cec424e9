"""What a soak does, from its seed alone: the jobs, how the vendor treats them, and the blows."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

TEAMS: Final = ("north", "south", "east", "west")
MEMBERS: Final = 3
ASKING_TEAM: Final = 1  # its more expensive jobs wait for a manager
ASKS_ABOVE: Final = 20  # credits
CAPPED_TEAM: Final = 2  # its first member's API key is capped
POOR_TEAM: Final = 3  # its wallet does not last for all of its jobs

# Few films, so that the sandbox renders each once: its prompt's words and these make its picture.
PROMPT: Final = "A quiet lake at dawn"
_FILMS: Final[tuple[tuple[dict[str, Any], int, int], ...]] = (
    # inputs, credits, weight
    ({"duration": 4, "resolution": "480p", "generate_audio": False, "seed": 7}, 12, 5),
    ({"duration": 4, "resolution": "480p", "generate_audio": True, "seed": 7}, 28, 3),
    (
        {
            "duration": 5,
            "resolution": "480p",
            "generate_audio": False,
            "aspect_ratio": "1:1",
            "seed": 7,
        },
        15,
        2,
    ),
    (
        {
            "duration": 4,
            "resolution": "480p",
            "generate_audio": False,
            "aspect_ratio": "9:16",
            "seed": 11,
        },
        12,
        2,
    ),
)

# What the vendor does to a job, with the share of jobs that meet it; the rest goes well.
_FAULTS: Final[tuple[tuple[str, float], ...]] = (
    ("429", 0.03),
    ("429=2", 0.01),
    ("402", 0.015),
    ("401", 0.01),
    ("403", 0.01),
    ("spent", 0.01),
    ("503", 0.03),
    ("503=5", 0.01),
    ("500=2", 0.02),
    ("500-bare", 0.03),
    ("lost-reply", 0.04),
    ("fail", 0.05),
    ("refuse", 0.03),
    ("no-url", 0.02),
    ("expired-link", 0.015),
    ("truncated", 0.01),
    ("truncated=2", 0.025),
    ("wrong-metadata", 0.03),
    ("stuck", 0.015),
)
ONCE_EACH: Final = len(_FAULTS)
_CALLBACKS: Final[tuple[tuple[str, float], ...]] = (
    ("callback=none", 0.08),
    ("callback=double", 0.05),
    ("callback=late", 0.03),
    ("callback=forged", 0.06),
)


class Door(StrEnum):
    """By which way a job comes in."""

    API = "api"
    PORTAL = "portal"
    BATCH = "batch"


class After(StrEnum):
    """What its people do to a job once it is accepted."""

    NOTHING = ""
    CANCEL = "cancel"
    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Job:
    """One generation to be submitted; `faults` are directives without their brackets."""

    number: int
    team: int
    member: int
    door: Door
    inputs: dict[str, Any]
    credits: int
    faults: tuple[str, ...]
    has_callback: bool
    after: After
    is_doubled: bool
    """Posted by two callers at once, with one idempotency key."""

    @property
    def key(self) -> str:
        """Return its idempotency key."""
        return f"soak-{self.number:05d}"

    @property
    def prompt(self) -> str:
        """Return its prompt. The last directive is none: it names the job in the vendor's books."""
        script = "".join(f"[sandbox:{fault}]" for fault in self.faults)
        return f"{PROMPT} {script}{tag_of(self.number)}"

    def meets(self, *names: str) -> bool:
        """Return whether the vendor does one of these to it."""
        return any(fault.partition("=")[0] in names for fault in self.faults)

    @property
    def asks(self) -> bool:
        """Return whether it waits for approval."""
        return self.team == ASKING_TEAM and self.credits > ASKS_ABOVE


class Kind(StrEnum):
    """What a blow breaks. Those whose names begin with `kill` count as kills."""

    KILL_IDLE = "kill an idle worker"
    KILL_BUSY = "kill a busy worker"
    KILL_SWEEP = "kill the sweep's worker"
    KILL_MASTER = "kill a cluster's master"
    KILL_GROUP = "kill a whole cluster"
    KILL_WEB = "kill a web worker"
    KILL_WEB_MASTER = "kill a web server"
    KILL_HOST = "kill a whole host"
    FREEZE = "freeze a cluster permanently"
    PAUSE = "freeze a cluster for a while"
    DATABASE_DIES = "restart the database (immediate)"
    DATABASE_RESTARTS = "restart the database (fast)"
    VENDOR_DIES = "kill the vendor"
    LINE_CUT = "cut the line"
    LINE_REFUSED = "refuse connections"
    LINE_STALLED = "stall the line"
    LINE_BLACKHOLE = "swallow both directions"
    LINE_MUTE = "swallow requests"
    LINE_DEAF = "swallow replies"

    @property
    def is_kill(self) -> bool:
        """Return whether it counts among the kills."""
        return self.value.startswith("kill") and self != Kind.VENDOR_DIES


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault: it comes once so many submissions were accepted and jobs ended, both counted."""

    at: int
    kind: Kind
    seconds: float
    dice: int
    """What chooses the victim among those that are there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All of a soak."""

    seed: int
    jobs: tuple[Job, ...]
    blows: tuple[Blow, ...]

    @property
    def kills(self) -> int:
        """Return how many blows are kills."""
        return sum(blow.kind.is_kill for blow in self.blows)


def make_plan(*, seed: int, jobs: int, kills: int) -> Plan:
    """Return the plan of a seed: the same for the same numbers."""
    dice = random.Random(f"soak-{seed}-{jobs}-{kills}")
    planned = _jobs(dice, jobs)
    return Plan(seed, planned, _blows(dice, jobs=jobs, kills=kills))


def tag_of(number: int) -> str:
    """Return the mark of a job in its prompt, which is not shown in the film."""
    return f"[sandbox:job-{number:05d}]"


def number_of(prompt: str) -> int | None:
    """Return the number of the job that a prompt is marked with."""
    _, mark, rest = prompt.rpartition("[sandbox:job-")
    return int(rest[:5]) if mark else None


def demand_of(jobs: Sequence[Job], *, team: int, member: int | None = None) -> int:
    """Return what a team's jobs would cost, or those of one of its members by their API key."""
    return sum(
        job.credits
        for job in jobs
        if job.team == team and (member is None or (job.member == member and job.door == Door.API))
    )


def _jobs(dice: random.Random, count: int) -> tuple[Job, ...]:
    # Each fault is met at least once where there is room, so that a small soak leaves none out.
    certain = [fault for fault, _ in _FAULTS][:count]
    faults: list[str | None] = [*certain, *(_one_of(dice, _FAULTS) for _ in range(count))][:count]
    dice.shuffle(faults)
    jobs: list[Job] = []
    while len(jobs) < count:
        door = dice.choices([Door.API, Door.PORTAL, Door.BATCH], [85, 11, 4])[0]
        team, member = dice.randrange(len(TEAMS)), dice.randrange(MEMBERS)
        for _ in range(min(dice.randint(2, 4) if door == Door.BATCH else 1, count - len(jobs))):
            jobs.append(_job(dice, len(jobs), team, member, door, faults[len(jobs)]))
    return tuple(jobs)


def _job(
    dice: random.Random, number: int, team: int, member: int, door: Door, fault: str | None
) -> Job:
    inputs, credits, _ = dice.choices(_FILMS, [weight for _, _, weight in _FILMS])[0]
    script = [fault] if fault else []
    callback = _one_of(dice, _CALLBACKS)
    if callback:
        script.append(callback)
    if fault != "stuck":
        script.append(f"slow={dice.choice([0, 0.5, 1, 2, 4, 8])}")
    asks = team == ASKING_TEAM and credits > ASKS_ABOVE
    after = After.NOTHING
    if asks:
        after = After.APPROVE if dice.random() < 0.7 else After.DENY
    elif door == Door.API and dice.random() < 0.06:
        after = After.CANCEL
    return Job(
        number=number,
        team=team,
        member=member,
        door=door,
        inputs=inputs,
        credits=credits,
        faults=tuple(script),
        has_callback=door == Door.API and dice.random() < 0.8,
        after=after,
        is_doubled=door == Door.API and dice.random() < 0.1,
    )


def _one_of(dice: random.Random, table: Sequence[tuple[str, float]]) -> str | None:
    point = dice.random()
    for name, share in table:
        point -= share
        if point < 0:
            return name
    return None


_KILLS: Final[tuple[tuple[Kind, int], ...]] = (
    (Kind.KILL_BUSY, 6),
    (Kind.KILL_IDLE, 3),
    (Kind.KILL_SWEEP, 4),
    (Kind.KILL_WEB, 4),
    (Kind.KILL_GROUP, 3),
    (Kind.KILL_MASTER, 2),
    (Kind.KILL_WEB_MASTER, 2),
    (Kind.KILL_HOST, 1),
)
# Kind, seconds it lasts, one for every so many kills; each comes at least once. The pause is longer
# than a submit may last unheard, and shorter than it takes to find a frozen cluster out.
_OTHERS: Final[tuple[tuple[Kind, float, int], ...]] = (
    (Kind.FREEZE, 0.0, 40),
    (Kind.PAUSE, 82.0, 20),
    (Kind.DATABASE_DIES, 0.0, 14),
    (Kind.DATABASE_RESTARTS, 0.0, 20),
    (Kind.VENDOR_DIES, 2.0, 20),
    (Kind.LINE_CUT, 3.0, 10),
    (Kind.LINE_REFUSED, 4.0, 20),
    (Kind.LINE_STALLED, 13.0, 20),
    (Kind.LINE_BLACKHOLE, 12.0, 20),
    (Kind.LINE_MUTE, 3.0, 20),
    (Kind.LINE_DEAF, 3.0, 20),
)


def _blows(dice: random.Random, *, jobs: int, kills: int) -> tuple[Blow, ...]:
    kinds = [kind for kind, _ in _KILLS][:kills]
    kinds += dice.choices(
        [kind for kind, _ in _KILLS], [weight for _, weight in _KILLS], k=kills - len(kinds)
    )
    struck: list[tuple[Kind, float]] = [(kind, 0.0) for kind in kinds]
    for kind, seconds, every in _OTHERS:
        struck += [(kind, seconds)] * max(1, kills // every)
    dice.shuffle(struck)
    # From the first submissions to well before the last ends: there must be something to break.
    first, last = max(1, jobs // 20), max(2, round(2 * jobs * 0.85))
    places = sorted(dice.randint(first, last) for _ in struck)
    # What takes long comes early.
    struck.sort(key=lambda one: one[0] not in {Kind.FREEZE, Kind.PAUSE})
    return tuple(
        Blow(at, kind, seconds, dice.getrandbits(32))
        for at, (kind, seconds) in zip(places, struck, strict=True)
    )
