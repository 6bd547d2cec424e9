"""One person with one of everything that can be limited, and the vendor's answers."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from accounts.authority import By
from accounts.models import ApiKey, Membership, Project, Team
from billing.models import SpendLimit
from generations.dispatch.send import record_acceptance
from generations.limits.scopes.base import LimitTarget
from generations.limits.service import cap, cap_own
from generations.models import Generation, ProviderKey
from generations.ordering.submit import Submission, submit_generation
from generations.polling.outcome import PollOutcome, apply_answer
from generations.vendors import TaskReport, TaskStatus
from tests.factories import SYSTEM, make_request
from tests.support.submits import claim

NOON = datetime(2026, 3, 11, 12, 0, 30, tzinfo=UTC)  # a Wednesday
SCOPES = ["api_key", "provider_key", "project", "own", "member", "team"]  # narrowest first
_count = itertools.count(1)


@dataclass
class Desk:
    """A member, and everything that their submissions count under."""

    team: Team
    membership: Membership
    api_key: ApiKey
    provider_key: ProviderKey
    project: Project

    def submit(self, now: datetime | None = None, **inputs: Any) -> Generation:
        """Submit through every scope at once; 70 credits unless `inputs` say otherwise."""
        return submit_generation(
            make_request(self.team, **inputs),
            by=By.member(self.membership),
            now=now or datetime.now(UTC),
            api_key=self.api_key,
            project=self.project,
        )

    def order(self, *, key: str | None = None, **inputs: Any) -> Submission:
        """Return a submission for a batch, through every scope."""
        return Submission(make_request(self.team, **inputs), self.api_key, self.project, key)

    def target(self, scope: str) -> LimitTarget:
        """Return what a limit of this scope is set for; `own` shares the member's."""
        targets: dict[str, LimitTarget] = {
            "team": self.team,
            "member": self.membership,
            "own": self.membership,
            "api_key": self.api_key,
            "provider_key": self.provider_key,
            "project": self.project,
        }
        return targets[scope]

    def cap(self, scope: str, credits: int | None, window: str = "total") -> SpendLimit | None:
        """Cap one scope; `own` as the member themself, anything else as the site would."""
        if scope == "own":
            by = By.member(self.membership)
            return cap_own(self.membership, window=window, credits=credits, by=by)
        return cap(self.target(scope), window=window, credits=credits, by=SYSTEM)


def fresh(generation: Generation) -> Generation:
    """Read a generation again, as the next worker would."""
    return Generation.objects.select_related("hold", "team", "provider_key").get(pk=generation.pk)


def send(generation: Generation, *, now: datetime | None = None) -> Generation:
    """Let the vendor have accepted a queued generation."""
    now = now or datetime.now(UTC)
    claimed = claim(generation, now=now)
    assert claimed is not None
    assert record_acceptance(claimed, f"vendor-{next(_count)}", now=now)
    return claimed


def hear(
    generation: Generation,
    word: TaskStatus | None,
    *,
    now: datetime | None = None,
    urls: tuple[str, ...] = ("https://file.aivideoapi.ai/videos/1.mp4",),
) -> Generation:
    """Let the vendor answer a poll, None for an answer that nobody understands."""
    report = None
    if word is not None:
        report = TaskReport(
            id=generation.upstream_id or "",
            status=word,
            urls=urls if word == TaskStatus.COMPLETED else (),
        )
    apply_answer(PollOutcome(fresh(generation), report), now=now or datetime.now(UTC))
    return fresh(generation)


def complete(generation: Generation, *, now: datetime | None = None) -> Generation:
    """Send a queued generation and let the vendor complete it: its credits are spent."""
    return hear(send(generation, now=now), TaskStatus.COMPLETED, now=now)


def fail(generation: Generation, *, now: datetime | None = None) -> Generation:
    """Send a queued generation and let the vendor fail it: its credits come back."""
    return hear(send(generation, now=now), TaskStatus.FAILED, now=now)


def is_held(generation: Generation) -> bool:
    """Return whether its credits are still held."""
    generation.hold.refresh_from_db()
    return generation.hold.closed_at is None
