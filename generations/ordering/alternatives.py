"""What would fit when a request does not: the nearest cheaper variants of it (P34)."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from accounts.models import Team
from billing.pricing import rates_in_force
from billing.selectors import books_of, limits_over, uses_of
from billing.subjects import Subject
from generations.catalog import durations_of, model_named, resolutions_of
from generations.ordering.request import GenerationRequest

AT_MOST = 3


def variants_that_fit(
    request: GenerationRequest,
    *,
    team: Team,
    subjects: list[Subject],
    now: datetime,
    beside: Sequence[tuple[list[Subject], int]] = (),
) -> list[dict[str, Any]]:
    """Return up to three variants, most credits first, that all limits and the wallet have room
    for, `beside` what else would be held: the subjects and credits of a batch's earlier items.

    One of each kind where it fits: shorter, silent, of lower resolution; then mixtures. For
    showing: whoever takes one is admitted like any other request.
    """
    room = credits_left(team=team, subjects=subjects, now=now, beside=beside)
    fitting = [
        (changes, variant)
        for changes, variant in _variants(request, now=now)
        if variant["credits"] <= room
    ]
    fitting.sort(key=lambda pair: (pair[0], -pair[1]["credits"]))
    chosen: list[dict[str, Any]] = []
    kinds: set[tuple[bool, bool, bool]] = set()
    for _changes, variant in fitting:
        kind = (
            variant["duration"] != request.duration,
            variant["resolution"] != request.resolution,
            variant.get("generate_audio", False) != request.generate_audio,
        )
        if kind not in kinds:
            kinds.add(kind)
            chosen.append(variant)
    return sorted(chosen[:AT_MOST], key=lambda variant: -variant["credits"])


def credits_left(
    *,
    team: Team,
    subjects: list[Subject],
    now: datetime | None = None,
    beside: Sequence[tuple[list[Subject], int]] = (),
) -> int:
    """Return how many credits one more admission could hold, by limits and wallet."""
    room = [books_of(team).available - sum(credits for _, credits in beside)]
    for use in uses_of(limits_over(subjects), now=now):
        subject = Subject(use.limit.subject_kind, use.limit.subject_id)
        taken = sum(credits for others, credits in beside if subject in others)
        room.append(use.left - taken)
    return min(room)


def _variants(request: GenerationRequest, *, now: datetime) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (number of changed parameters, variant) for everything no larger than the request."""
    model = model_named(request.model)
    if model is None:
        return
    rates = rates_in_force(model=request.model, at=now)
    resolutions, shortest = resolutions_of(model), durations_of(model).start
    for resolution in resolutions[: resolutions.index(request.resolution) + 1]:
        for audio in {request.generate_audio, False}:
            for duration in range(shortest, request.duration + 1):
                rate = rates.get((resolution, audio))
                changes = (
                    (resolution != request.resolution)
                    + (audio != request.generate_audio)
                    + (duration != request.duration)
                )
                if rate is not None and changes:
                    wanted: dict[str, Any] = {"duration": duration, "resolution": resolution}
                    if "generate_audio" in request.parameters:
                        wanted["generate_audio"] = audio
                    yield changes, {**wanted, "credits": rate * duration}
