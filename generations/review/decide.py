"""Look after generations in review: look again, notify managers, carry out what a person decides.

What the evidence is, `evidence` reads; what it means, `advice` says; only people act on that.
"""

from collections import defaultdict
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.template.loader import render_to_string

from accounts.authority import By
from accounts.models import NoticeKind, Team
from accounts.notices import notify
from accounts.roles import Permission
from accounts.webhooks import GenerationInReview, publish_event
from generations.lifecycle import EventKind, State
from generations.models import CallbackReceipt, Generation
from generations.reconciliation import sample_by
from generations.review.adopt import adopt_found_id
from generations.review.corrections import release_reviewed, settle_reviewed
from generations.review.evidence import Review, reviews_of, untold_since
from generations.transitions import POLLS, record_event
from platform_site.clusters.steps import step_at
from platform_site.clusters.watch import announce
from platform_site.errors import Conflict, InvalidRequest

log = structlog.get_logger(__name__)

# Most reviews resolve within minutes: by a callback, or once two usage samples agree.
PATIENCE = timedelta(minutes=15)
REVIEW_PATH = "/review/"
_CHECK_CALLBACK = "generations.callbacks.steps.check_callback_step"
_BATCH = 200


def decide_review(
    generation: Generation,
    decision: str,
    *,
    by: By,
    reason: str,
    now: datetime,
    upstream_id: str = "",
    despite_time: bool = False,
) -> None:
    """Release, settle or adopt, as a form's word says, for who decides. Raises as those do."""
    by.require(Permission.APPROVE, team_id=generation.team_id)
    match decision:
        case "release":
            release_reviewed(generation, by=by, reason=reason, now=now)
        case "settle":
            settle_reviewed(generation, by=by, reason=reason, now=now)
        case "adopt":
            adopt_found_id(
                generation, upstream_id, by=by, reason=reason, now=now, despite_time=despite_time
            )
        case _:
            raise InvalidRequest("The decision is release, settle or adopt.", field="decision")


def look_now(generation: Generation, *, by: By, now: datetime) -> None:
    """Have the vendor asked at once: about the task, about what callbacks proposed, and its usage.

    For who submitted it and who decides in its team. Raises `PermissionDenied`, and `Conflict` for
    a generation that is not in review.
    """
    by.require_over(
        generation.user_id,
        own=Permission.SUBMIT,
        others=Permission.APPROVE,
        team_id=generation.team_id,
    )
    if generation.state != State.NEEDS_REVIEW:
        raise Conflict("This is not in review.")
    with transaction.atomic():
        record_event(generation, EventKind.LOOKED, by=by, message="The vendor is asked now.")
        if generation.upstream_id is not None:
            polled = Generation.objects.filter(pk=generation.pk, next_poll_at__gt=now)
            polled.update(next_poll_at=now)
            announce(POLLS)
            return
        proposed = generation.callbacks.filter(verdict=CallbackReceipt.Verdict.PROPOSED)
        proposed.update(next_check_at=now)
        for receipt in proposed:
            step_at(_CHECK_CALLBACK).enqueue(receipt.pk)
        sample_by(generation.provider_key_id, at=now)


def notify_long_reviews(*, now: datetime) -> int:
    """Notify managers of what nothing resolved within `PATIENCE`, once; return how many it is.

    One notice a team, however many there are. Cheap when there is nothing to say.
    """
    by_team: defaultdict[Team, list[Generation]] = defaultdict(list)
    for generation in untold_since(now - PATIENCE)[:_BATCH]:
        by_team[generation.team].append(generation)
    return sum(_notify(team, late, now=now) for team, late in by_team.items())


@transaction.atomic
def _notify(team: Team, late: list[Generation], *, now: datetime) -> int:
    reviews = reviews_of(late, now=now)
    credits = sum(one.credits for one in late)
    films = "1 film needs" if len(late) == 1 else f"{len(late)} films need"
    # Of two sweeps that found the same oldest one, the notice's key lets one notify.
    batch = f"{late[0].pk}:{reviews[0].evidence.since:%Y%m%d%H%M%S}"
    mine = notify(
        team=team,
        audience=Permission.APPROVE,
        kind=NoticeKind.GENERATION_IN_REVIEW,
        title=f"{films} review: {credits:,} credits stay held",
        body=render_to_string(
            "generations/mail/review_waiting.txt", {"reviews": reviews[:10], "count": len(late)}
        ),
        key=f"generation.in_review:{batch}",
        path=REVIEW_PATH,
        now=now,
    )
    if mine is None:
        return 0
    for review in reviews:
        record_event(review.generation, EventKind.REVIEW_TOLD, by=By.system("review"))
        _announce(review, now=now)
    log.warning("review_waits", team=team.slug, count=len(late), credits=credits)
    return len(late)


def _announce(review: Review, *, now: datetime) -> None:
    generation, evidence = review.generation, review.evidence
    event = GenerationInReview(
        task=str(generation.pk),
        by=generation.user.email,
        credits=generation.credits,
        reason=generation.review_reason,
        since=int(evidence.since.timestamp()),
        advice=review.advice.words,
    )
    publish_event(event, team=generation.team, subject_id=generation.pk, now=now)
