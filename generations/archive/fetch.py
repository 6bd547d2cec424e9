"""Fetch a film from the vendor's link, and check what came (P31, P39)."""

import time
from collections.abc import Callable

from django.conf import settings

from generations.archive.inspect import FilmFacts, inspect_film
from generations.archive.partial import Partial
from generations.archive.start import without_link
from generations.catalog import model_named, ordered_inputs
from generations.models import Film, Generation
from generations.provider_keys import client_for
from generations.vendors import ProviderError, Vendor, vendor_named
from platform_site.clusters.shutdown import is_shutting_down
from platform_site.http import Fetched, FetchFailed, Truncated, fetch_to_file, guarded_client

MAX_FILM_BYTES = 2 * 1024**3
FETCH_SECONDS = 80  # of one attempt; see `keep.ATTEMPT_SECONDS`
# A connection that breaks off is taken up again at once, a few times an attempt.
_RESUMES = 8
_TOLERANCE_MS = 250


def fetch_film(film: Film, partial: Partial) -> Fetched:
    """Bring the film's file, or what is missing of it, into `partial`.

    Takes 80 seconds at most; what has arrived by then stays in `partial`.

    Raises:
        FetchError: As `fetch_to_file` does.
        OSError: Our own disk failed.
    """
    fetched = partial.whole()
    if fetched is not None:
        return fetched
    ends = time.monotonic() + FETCH_SECONDS
    resumes = 0
    while True:
        before = partial.size
        try:
            fetched = _fetch_once(film, partial, seconds=ends - time.monotonic())
            break
        except Truncated:
            resumes += 1
            is_pointless = partial.size <= before or resumes > _RESUMES
            if is_pointless or time.monotonic() >= ends - 1:
                raise
    partial.note_fetched(fetched)
    return fetched


def inspect_partial(partial: Partial) -> FilmFacts:
    """Decode the fetched film, or remember what was found earlier. Raises `UnplayableFilm`."""
    facts = partial.facts()
    if facts is None:
        facts = inspect_film(partial.film, poster=partial.poster, last_frame=partial.last_frame)
        partial.note_facts(facts)
    return facts


def fresh_link(film: Film) -> tuple[str, str]:
    """Ask the vendor for the film's link of today.

    Returns the link, empty when it has none or its key is gone; and in words what is wrong with
    one that cannot be used, else "".
    """
    generation = film.generation
    try:
        report = client_for(generation.provider_key).get_task(generation.upstream_id or "")
    except ProviderError:
        return "", ""
    if report.link_problem:
        return "", without_link(report)
    return (report.urls[0] if report.urls else ""), ""


def differences(generation: Generation, facts: FilmFacts) -> str:
    """Say how a film differs from what was requested, or nothing."""
    model = model_named(generation.model)
    sizes = model.sizes.get(generation.resolution, {}) if model else {}
    size = sizes.get(generation.aspect_ratio)
    # A model whose row is gone promises no number of frames.
    frames = generation.duration * model.frames_per_second if model else facts.frames
    found = []
    if size and [facts.width, facts.height] != size:
        found.append(f"{facts.width}×{facts.height} pixels instead of {size[0]}×{size[1]}")
    if facts.frames != frames:
        found.append(f"{facts.frames} frames instead of {frames}")
    elif abs(facts.duration_ms - generation.duration * 1000) > _TOLERANCE_MS:
        found.append(f"{facts.duration_ms / 1000:.1f} s instead of {generation.duration} s")
    inputs = ordered_inputs(generation)
    if "generate_audio" in inputs and facts.has_audio != inputs["generate_audio"]:
        found.append("with sound" if facts.has_audio else "without sound")
    return ", ".join(found)


def _fetch_once(film: Film, partial: Partial, *, seconds: float) -> Fetched:
    if seconds <= 0:
        raise FetchFailed("The time for one attempt is over.")
    key = film.generation.provider_key
    vendor = vendor_named(key.vendor)
    reachable = _reachable(vendor, key.endpoint)
    partial.film.touch()
    with guarded_client(allow=reachable) as client, partial.film.open("r+b") as file:
        return fetch_to_file(
            client,
            film.source_url,
            file,
            max_bytes=MAX_FILM_BYTES,
            deadline_seconds=seconds,
            allowed_hosts=_result_hosts(vendor, key.endpoint),
            validator=partial.validator,
            on_begin=partial.begin,
            stop=is_shutting_down,
        )


def _reachable(vendor: Vendor, endpoint: str) -> frozenset[str]:
    """Return the `host:port` outside the public internet that this key's films may come from."""
    return frozenset(settings.OUTBOUND_ALLOW) | vendor.private_targets(endpoint)


def _result_hosts(vendor: Vendor, endpoint: str) -> Callable[[str], bool]:
    """Return the test that a result's host must pass."""
    hosts = vendor.result_hosts(endpoint)
    return lambda host: any(
        host == entry or (entry.startswith(".") and host.endswith(entry)) for entry in hosts
    )
