"""Admit a generation: the one door that portal, API, remix and retry come through (P03)."""

from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction

from accounts.actor import Actor
from accounts.models import ApiKey, Membership, Team, User
from accounts.roles import Permission
from accounts.selectors import people_who_may, require
from billing.errors import InsufficientCredits, SpendLimitExceeded
from billing.ledger import Subject, place_hold
from billing.pricing import Quote, quote
from generations.errors import IdempotencyConflict
from generations.lifecycle import State
from generations.models import Generation, ProviderKey
from generations.queue import enqueue_submit
from generations.requests import GenerationRequest
from generations.selectors import provider_key_for
from generations.services.moves import remark
from generations.services.uploads import keep_uploads_alive
from generations.services.variants import variants_that_fit

log = structlog.get_logger(__name__)

# The queue delivers at once; the sweep looks again in case the queue lost it.
SUBMIT_AGAIN = timedelta(seconds=60)


def submit_generation(
    request: GenerationRequest,
    *,
    membership: Membership,
    actor: Actor,
    now: datetime,
    api_key: ApiKey | None = None,
    idempotency_key: str | None = None,
    remix_of: Generation | None = None,
    retry_of: Generation | None = None,
) -> Generation:
    """Price, hold and queue one generation in one transaction, or refuse and change nothing.

    The same idempotency key with the same request returns the first generation, before anything
    is priced. Raises `IdempotencyConflict` for another request, `PermissionDenied`,
    `NoProviderKey`, `NoRate`, `SpendLimitExceeded` or `InsufficientCredits`; the last two say in
    `details` which scope refused, who can raise it and which variants would fit (P34).
    """
    require(membership, Permission.SUBMIT)
    team, user = membership.team, membership.user
    earlier = _answered_before(team, idempotency_key, request)
    if earlier is not None:
        return earlier
    price = quote_request(request, now=now)
    provider_key = provider_key_for(team, user)
    generation = _draft(request, price, team=team, user=user, provider_key=provider_key, now=now)
    generation.api_key = api_key
    generation.idempotency_key = idempotency_key
    generation.remix_of = remix_of
    generation.retry_of = retry_of
    subjects = subjects_of(team=team, user=user, api_key=api_key, provider_key=provider_key)
    try:
        with transaction.atomic(durable=True):
            _admit(generation, subjects, actor=actor, now=now)
    except (SpendLimitExceeded, InsufficientCredits, IntegrityError) as refusal:
        # Two callers came with one idempotency key at once: the database let one in, or the first
        # took the room that the second lacked.
        earlier = _answered_before(team, idempotency_key, request)
        if earlier is not None:
            return earlier
        if not isinstance(refusal, IntegrityError):
            _explain(refusal, request, team=team, subjects=subjects, now=now)
        raise
    return generation


def quote_request(request: GenerationRequest, *, now: datetime) -> Quote:
    """Price a request as it will be sent. Raises `NoRate`."""
    return quote(
        model=request.model,
        resolution=request.resolution,
        audio=request.generate_audio,
        seconds=request.duration,
        at=now,
    )


def subjects_of(
    *, team: Team, user: User, api_key: ApiKey | None, provider_key: ProviderKey
) -> list[Subject]:
    """Return what an admission counts against, narrowest first: the one fixed order (P01)."""
    own = [Subject("api_key", str(api_key.pk))] if api_key else []
    return [
        *own,
        Subject("provider_key", str(provider_key.pk)),
        Subject("member", f"{team.pk}:{user.pk}"),
        Subject("team", str(team.pk)),
    ]


def _draft(
    request: GenerationRequest,
    price: Quote,
    *,
    team: Team,
    user: User,
    provider_key: ProviderKey,
    now: datetime,
) -> Generation:
    return Generation(
        team=team,
        user=user,
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
        rate_id=price.rate_id,
        credits_per_second=price.credits_per_second,
        credits=price.credits,
        state=State.QUEUED,
        created_at=now,
        next_submit_at=now + SUBMIT_AGAIN,
    )


def _admit(generation: Generation, subjects: list[Subject], *, actor: Actor, now: datetime) -> None:
    generation.hold = place_hold(
        team=generation.team,
        amount=generation.credits,
        reference=f"generation:{generation.id}",
        subjects=subjects,
        actor=actor,
        now=now,
    )
    generation.save(force_insert=True)
    remark(generation, "admitted", actor=actor, message=f"{generation.credits} credits held.")
    keep_uploads_alive(generation, now=now)
    enqueue_submit(generation.id)


def _answered_before(
    team: Team, idempotency_key: str | None, request: GenerationRequest
) -> Generation | None:
    if idempotency_key is None:
        return None
    earlier = Generation.objects.filter(team=team, idempotency_key=idempotency_key).first()
    if earlier is not None and earlier.fingerprint != request.fingerprint():
        raise IdempotencyConflict
    return earlier


def _explain(
    refusal: SpendLimitExceeded | InsufficientCredits,
    request: GenerationRequest,
    *,
    team: Team,
    subjects: list[Subject],
    now: datetime,
) -> None:
    """Add to a refusal who can raise the limit and what would fit, and log it whole (P34)."""
    is_wallet = isinstance(refusal, InsufficientCredits)
    permission = Permission.MEMBERS if is_wallet else Permission.LIMITS
    refusal.details["raised_by"] = people_who_may(team, permission)
    refusal.details["variants"] = variants_that_fit(request, team=team, subjects=subjects, now=now)
    log.info("admission_refused", code=refusal.code, team=team.slug, **refusal.details)
