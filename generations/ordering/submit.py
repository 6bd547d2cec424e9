"""Admit generations: the one door that portal, API, remix, retry and batches come through (P03)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction

from accounts.authority import By
from accounts.models import ApiKey, Membership, Project, Team
from accounts.roles import Permission
from accounts.selectors import people_who_may
from billing.admission import Wallet, WantedHold, plan_holds, read_wallet
from billing.errors import AdmissionOutdated, InsufficientCredits, SpendLimitExceeded
from billing.pricing import Quote, quote
from billing.subjects import Subject
from generations.approvals import ask_for_approval, exceeded_threshold, needs_approval
from generations.errors import IdempotencyConflict
from generations.lifecycle import State
from generations.limits import scope_under, subjects_of
from generations.models import Generation, Priority
from generations.ordering.alternatives import variants_that_fit
from generations.ordering.images import require_reachable
from generations.ordering.priorities import require_priority
from generations.ordering.request import GenerationRequest
from generations.provider_keys import opens, wake_dispatch
from generations.selectors import provider_key_for
from generations.transitions import awaiting_approval
from generations.uploads import keep_uploads_alive
from platform_site.db.catalogue import Catalogue, catalogue_at
from platform_site.db.inserts import Insert
from platform_site.errors import DailiesError, NotFound, Unavailable

log = structlog.get_logger(__name__)

# Limits are changed by people, or by a script, which may outrun one admission for a while; so may
# others who take the last credits.
_TRIES = 20
_INSERT = Insert(Generation)


@dataclass(frozen=True, slots=True)
class Submission:
    """One generation to be admitted, and where it came from."""

    request: GenerationRequest
    api_key: ApiKey | None = None
    project: Project | None = None
    idempotency_key: str | None = None
    remix_of: Generation | None = None
    retry_of: Generation | None = None
    priority: int = Priority.NORMAL


def submit_generation(
    request: GenerationRequest,
    *,
    by: By,
    now: datetime,
    api_key: ApiKey | None = None,
    project: Project | None = None,
    idempotency_key: str | None = None,
    remix_of: Generation | None = None,
    retry_of: Generation | None = None,
    priority: int = Priority.NORMAL,
) -> Generation:
    """Price, hold and queue one generation in one transaction, or refuse and change nothing.

    Above the team's, person's or project's threshold it awaits approval instead of being queued.
    The same idempotency key with the same request returns the first generation, before anything
    is priced, with `is_replay` set. Raises `IdempotencyConflict` for another request,
    `PermissionDenied`, `NotFound` for a key, project or generation of another team's,
    `Unavailable`, `NoProviderKey`, `NoRate`, `SpendLimitExceeded` or `InsufficientCredits`; the
    last two say in `details` which scope refused, who can raise its limit and which variants would
    fit (P34).
    """
    submission = Submission(
        request, api_key, project, idempotency_key, remix_of, retry_of, priority
    )
    return submit_batch([submission], by=by, now=now)[0]


def submit_batch(submissions: Sequence[Submission], *, by: By, now: datetime) -> list[Generation]:
    """Admit all of `submissions` in one transaction, or none of them (P37), for the member who
    asks.

    Returns a generation for each, in their order; items with one idempotency key share one.
    Raises what `submit_generation` raises; in a batch of several, a refusal's `details` name the
    first item that did not fit (`item`, from 0).
    """
    membership = by.membership
    by.require(Permission.SUBMIT, team_id=membership.team_id)
    for submission in submissions:
        _require_own_team(submission, membership.team)
    for _ in range(_TRIES):
        # The wallet first: its versions must be older than what is read under them.
        wallet = read_wallet(membership.team)
        known = catalogue_at(wallet.catalogue_version)
        answers, drafts = _drafts(submissions, membership=membership, now=now, known=known)
        try:
            _admit(list(drafts.values()), membership.team, wallet, by=by, now=now, known=known)
        except AdmissionOutdated:
            continue
        except (SpendLimitExceeded, InsufficientCredits) as refusal:
            item = list(drafts)[refusal.item]
            if _answers_before(membership.team, [submissions[item]]):
                # Another caller with this idempotency key took the room that this one lacked.
                continue
            if len(submissions) > 1:
                refusal.details["item"] = item
            earlier = [draft for place, draft in drafts.items() if place < item]
            _explain(refusal, submissions[item].request, drafts[item], earlier, now=now)
            raise
        except IntegrityError:
            # Two callers came with one idempotency key at once; the database let one in.
            if not _answers_before(membership.team, submissions):
                raise
            continue
        return answers
    raise Unavailable("The team's spend limits keep changing. Try again in a moment.")


def quote_request(
    request: GenerationRequest, *, now: datetime, known: Catalogue | None = None
) -> Quote:
    """Price a request as it will be sent, as the catalogue `known` says, or the present one.

    Raises `NoRate`.
    """
    return quote(
        model=request.model,
        resolution=request.resolution,
        audio=request.generate_audio,
        seconds=request.duration,
        at=now,
        known=known,
    )


def _require_own_team(submission: Submission, team: Team) -> None:
    """Raise `NotFound` when a submission names a row of another team's, which would pay or be
    shown.
    """
    rows = (submission.api_key, submission.project, submission.remix_of, submission.retry_of)
    if any(row is not None and row.team_id != team.pk for row in rows):
        raise NotFound("The request names something that is not your team's.")


def _drafts(
    submissions: Sequence[Submission],
    *,
    membership: Membership,
    now: datetime,
    known: Catalogue,
) -> tuple[list[Generation], dict[int, Generation]]:
    """Return what answers each submission, and by their place those that are yet to be admitted."""
    answers: list[Generation] = []
    drafts: dict[int, Generation] = {}
    earlier = _answers_before(membership.team, submissions)
    for item, submission in enumerate(submissions):
        try:
            answer = _answer_of(submission, earlier)
            if answer is None:
                # A batch is sent in its order, which the moments of its items keep.
                at = now + timedelta(microseconds=item)
                answer = drafts[item] = _draft(
                    submission, membership=membership, now=at, known=known
                )
        except DailiesError as refusal:
            if len(submissions) > 1:
                refusal.details["item"] = item
            raise
        answers.append(answer)
        if submission.idempotency_key is not None:
            earlier.setdefault(submission.idempotency_key, answer)
    return answers, drafts


def _draft(
    submission: Submission, *, membership: Membership, now: datetime, known: Catalogue
) -> Generation:
    request = submission.request
    price = quote_request(request, now=now, known=known)
    provider_key = provider_key_for(
        membership.team, membership.user, model=request.model, known=known
    )
    if not known.recall(("opens", provider_key.pk), lambda: opens(provider_key)):
        log.error("provider_key_does_not_open", provider_key=provider_key.pk)
        raise Unavailable(
            "The provider key cannot be opened on this server, so nothing was held. Let an "
            "administrator know: VAULT_KEYS is wrong."
        )
    require_reachable(request.image_urls, endpoint=provider_key.endpoint)
    draft = Generation(
        team=membership.team,
        user=membership.user,
        api_key=submission.api_key,
        project=submission.project,
        provider_key=provider_key,
        model=request.model,
        mode=request.mode,
        prompt=request.prompt,
        duration=request.duration,
        resolution=request.resolution,
        aspect_ratio=request.aspect_ratio,
        generate_audio=request.generate_audio,
        body=request.body(),
        callback_url=request.callback_url,
        fingerprint=request.fingerprint(),
        idempotency_key=submission.idempotency_key,
        remix_of=submission.remix_of,
        retry_of=submission.retry_of,
        priority=require_priority(membership, submission.priority),
        rate_id=price.rate_id,
        credits_per_second=price.credits_per_second,
        credits=price.credits,
        state=State.QUEUED,
        created_at=now,
        next_submit_at=now,
    )
    return awaiting_approval(draft) if needs_approval(draft, known=known) else draft


def _admit(
    drafts: Sequence[Generation],
    team: Team,
    wallet: Wallet,
    *,
    by: By,
    now: datetime,
    known: Catalogue,
) -> None:
    """Hold and insert all of `drafts` in one transaction, and have what may be sent sent soon."""
    if not drafts:
        return
    wanted = [
        WantedHold(one.credits, Subject("generation", str(one.id)), subjects_of(one))
        for one in drafts
    ]
    plan = plan_holds(team=team, wanted=wanted, now=now, wallet=wallet)
    holds = plan.holds()
    for draft, hold in zip(drafts, holds, strict=True):
        draft.hold = hold
    with transaction.atomic(durable=True), plan.taking(holds, _INSERT.of(drafts), by=by):
        keep_uploads_alive(drafts, team=team, now=now)
        for draft in drafts:
            threshold = exceeded_threshold(draft, known=known)
            if threshold is not None:
                ask_for_approval(draft, threshold, by=by, now=now)
    # After the commit: what wakes nobody, because this process dies here, the sweep finds.
    wake_dispatch(sum(draft.state == State.QUEUED for draft in drafts))


def _answers_before(team: Team, submissions: Sequence[Submission]) -> dict[str, Generation]:
    """Return the generations of the submissions' idempotency keys that exist, by key."""
    keys = {one.idempotency_key for one in submissions if one.idempotency_key is not None}
    if not keys:
        return {}
    rows = Generation.objects.filter(team=team, idempotency_key__in=keys)
    return {one.idempotency_key or "": one for one in rows}


def _answer_of(submission: Submission, earlier: Mapping[str, Generation]) -> Generation | None:
    """Return the generation among `earlier` that answers a submission already.

    Raises `IdempotencyConflict` for one of another request.
    """
    answer = earlier.get(submission.idempotency_key or "")
    if answer is None:
        return None
    if answer.fingerprint != submission.request.fingerprint():
        raise IdempotencyConflict
    answer.is_replay = True
    return answer


def _explain(
    refusal: SpendLimitExceeded | InsufficientCredits,
    request: GenerationRequest,
    draft: Generation,
    earlier: Sequence[Generation],
    *,
    now: datetime,
) -> None:
    """Add to a refusal who can raise the limit and what would fit, and log it whole (P34).

    Nobody in the team can fill the wallet: that refusal names administrators in its message.
    """
    if isinstance(refusal, SpendLimitExceeded):
        scope = scope_under(draft, refusal.subject)
        if scope is None:
            refusal.details["raised_by"] = people_who_may(draft.team, Permission.LIMITS)
        else:
            refusal.details["raised_by"] = scope.raised_by(draft.team, draft.user)
            if scope.is_own:
                refusal.details["is_own"] = True
    refusal.details["variants"] = variants_that_fit(
        request,
        team=draft.team,
        subjects=subjects_of(draft),
        now=now,
        beside=[(subjects_of(one), one.credits) for one in earlier],
    )
    log.info("admission_refused", code=refusal.code, team=draft.team.slug, **refusal.details)
