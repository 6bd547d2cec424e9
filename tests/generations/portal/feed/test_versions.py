"""A page's version differs whenever something that it shows has changed, and only then."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import F
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Membership, Notice, NoticeKind, WebhookDelivery
from generations.approvals.service import decide_approval, set_threshold
from generations.archive.keep import keep_again
from generations.archive.library import set_favourite
from generations.dispatch.cancel import cancel_generation
from generations.lifecycle import EventKind, ReviewCause, ReviewReason, State
from generations.models import Film, Generation, Priority, ProviderKey, RetentionRule
from generations.ordering.priorities import set_priority
from generations.portal.feed.versions import FRESH, Kind, Part, Shown, Version, version_of
from generations.provider_keys.service import pause_provider_key, set_send_rate
from generations.review.corrections import adjust
from generations.transitions import record_event, transition
from platform_site.errors import NotFound
from tests.factories import SYSTEM, fund, make_generation
from tests.support.desk import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
CHEAP: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False}


@dataclass
class Team:
    """A team with one generation of most kinds."""

    owner: Membership
    queued: Generation
    waiting: Generation
    rendering: Generation
    reviewed: Generation
    saving: Generation
    kept: Generation
    lost: Generation
    failed: Generation
    key: ProviderKey


Change = Callable[[Team], object]


@pytest.fixture
def theirs(alice: Membership, provider_key: ProviderKey, noon: time_machine.Traveller) -> Team:

    def make(state: str, **more: Any) -> Generation:
        return make_generation(alice, state, now=NOON, **CHEAP, **more)

    fund(alice.team, 10_000)
    set_threshold(team=alice.team, above=20, by=SYSTEM)
    waiting = make_generation(alice, now=NOON)
    set_threshold(team=alice.team, above=None, by=SYSTEM)
    assert waiting.state == State.AWAITING_APPROVAL
    lost = make(State.COMPLETED)
    Film.objects.filter(pk=lost.pk).update(state=Film.State.GIVEN_UP, lost_at=NOON)
    return Team(
        owner=alice,
        queued=make(State.QUEUED),
        waiting=waiting,
        rendering=make(State.PROCESSING),
        reviewed=make(State.NEEDS_REVIEW),
        saving=make(State.COMPLETED, film=False),
        kept=make(State.COMPLETED),
        lost=lost,
        failed=make(State.FAILED),
        key=provider_key,
    )


def review(generation: Generation) -> None:
    reason, cause = ReviewReason.SILENT, ReviewCause.DEADLINE_PASSED
    assert transition(generation, State.NEEDS_REVIEW, by=SYSTEM, cause=cause, review_reason=reason)


def film(generation: Generation, **changes: object) -> None:
    assert Film.objects.filter(pk=generation.pk).update(**changes)


def keep(theirs: Team) -> None:
    film(theirs.saving, state=Film.State.KEPT, kept_at=NOON)
    record_event(theirs.saving, EventKind.KEPT, by=SYSTEM)


def remove(theirs: Team) -> None:
    film(theirs.kept, state=Film.State.REMOVED)
    record_event(theirs.kept, EventKind.FILM_REMOVED, by=SYSTEM)


def notice(theirs: Team) -> None:
    Notice.objects.create(
        team=theirs.owner.team,
        user=theirs.owner.user,
        kind=NoticeKind.WALLET_LOW,
        title="Low",
        body="Low.",
        dedupe_key="one",
        created_at=NOON,
    )


def read(theirs: Team) -> None:
    theirs.owner.notices_read_to = 10
    theirs.owner.save()


def deliver(theirs: Team) -> None:
    WebhookDelivery.objects.create(
        team=theirs.owner.team,
        url="https://hooks.example/",
        reference="r1",
        event="generation.kept",
        subject_kind="generation",
        subject_id=str(theirs.kept.pk),
    )


STUDIO: dict[str, tuple[Change, set[Part]]] = {
    "submitted": (
        lambda one: make_generation(one.owner, now=NOON, **CHEAP),
        {Part.HEADER, Part.ACTIVE},
    ),
    "sent": (
        lambda one: transition(one.queued, State.SUBMITTING, by=SYSTEM, submitted_at=NOON),
        {Part.ACTIVE},
    ),
    "went to review": (lambda one: review(one.rendering), {Part.HEADER, Part.ACTIVE}),
    "cancelled": (
        lambda one: cancel_generation(one.queued, by=SYSTEM, now=NOON),
        {Part.HEADER, Part.ACTIVE, Part.SHEET},
    ),
    "cancel requested": (
        lambda one: cancel_generation(one.rendering, by=SYSTEM, now=NOON),
        {Part.ACTIVE},
    ),
    "put off": (
        lambda one: set_priority(one.queued, priority=Priority.LOW, by=SYSTEM),
        {Part.ACTIVE},
    ),
    "approved": (
        lambda one: decide_approval(one.waiting, "approve", by=SYSTEM, now=NOON),
        {Part.HEADER, Part.ACTIVE},
    ),
    "denied": (
        lambda one: decide_approval(one.waiting, "deny", by=SYSTEM, now=NOON, reason="No"),
        {Part.HEADER, Part.ACTIVE, Part.SHEET},
    ),
    "film not kept at once": (
        lambda one: film(one.saving, failures=F("failures") + 1, problem="Gone"),
        {Part.ACTIVE},
    ),
    "film kept": (keep, {Part.ACTIVE, Part.SHEET}),
    "film removed": (remove, {Part.SHEET}),
    "film saved again": (
        lambda one: keep_again(one.lost.film, by=SYSTEM, now=NOON),
        {Part.ACTIVE, Part.SHEET},
    ),
    "corrected": (
        lambda one: adjust(one.failed, spent=True, by=SYSTEM, reason="Charged", now=NOON),
        {Part.HEADER, Part.SHEET},
    ),
    "key paused": (
        lambda one: pause_provider_key(one.key, reason="Lunch", by=SYSTEM),
        {Part.HEADER, Part.ACTIVE},  # there is a notice
    ),
    "send rate": (
        lambda one: set_send_rate(one.key, max_in_flight=1, per_minute=2, by=SYSTEM),
        {Part.ACTIVE},
    ),
    "credits granted": (lambda one: fund(one.owner.team, 5), {Part.HEADER}),
    "notice": (notice, {Part.HEADER}),
    "notices read": (read, {Part.HEADER}),
}

FILM: dict[str, tuple[str, Change]] = {
    "sent": (
        "queued",
        lambda one: transition(one.queued, State.SUBMITTING, by=SYSTEM, submitted_at=NOON),
    ),
    "another before it": (
        "queued",
        lambda one: cancel_generation(one.waiting, by=SYSTEM, now=NOON),
    ),
    "key paused": ("queued", lambda one: pause_provider_key(one.key, reason="Lunch", by=SYSTEM)),
    "approved": (
        "waiting",
        lambda one: decide_approval(one.waiting, "approve", by=SYSTEM, now=NOON),
    ),
    "cancel requested": (
        "rendering",
        lambda one: cancel_generation(one.rendering, by=SYSTEM, now=NOON),
    ),
    "film kept": ("saving", keep),
    "film not kept at once": ("saving", lambda one: film(one.saving, attempts=3, problem="Gone")),
    "favourite": ("kept", lambda one: set_favourite(one.kept, favourite=True, by=SYSTEM)),
    "webhook": ("kept", deliver),
    "retention": (
        "kept",
        lambda one: RetentionRule.objects.create(
            team=one.owner.team, days=3, set_by="test", set_at=NOON
        ),
    ),
    "retried": (
        "failed",
        lambda one: make_generation(
            one.owner, now=NOON, submission={"retry_of": one.failed}, **CHEAP
        ),
    ),
    "corrected": (
        "failed",
        lambda one: adjust(one.failed, spent=True, by=SYSTEM, reason="Charged", now=NOON),
    ),
}


def studio(theirs: Team) -> Version:
    return version_of(theirs.owner, Shown(Kind.STUDIO, rows=6), now=timezone.now())


def changed(before: Version, after: Version) -> set[Part]:
    return set(after.changed_since(before.etag))


@pytest.mark.parametrize("what", STUDIO)
def test_f13_what_changes_in_the_studio_changes_the_parts_that_show_it(
    theirs: Team, what: str
) -> None:
    change, parts = STUDIO[what]
    before = studio(theirs)
    assert studio(theirs).etag == before.etag
    change(theirs)
    assert changed(before, studio(theirs)) == parts


@pytest.mark.parametrize("what", FILM)
def test_f13_what_changes_about_a_film_changes_its_version(theirs: Team, what: str) -> None:
    name, change = FILM[what]
    shown = Shown(Kind.FILM, row_id=getattr(theirs, name).pk)
    before = version_of(theirs.owner, shown, now=NOON)
    assert version_of(theirs.owner, shown, now=NOON).etag == before.etag
    change(theirs)
    assert Part.FILM in changed(before, version_of(theirs.owner, shown, now=NOON))


def test_a_forecast_is_looked_at_again_each_minute_while_something_is_queued(theirs: Team) -> None:
    before = studio(theirs)
    later = NOON + timedelta(minutes=1)
    shown = Shown(Kind.STUDIO, rows=6)
    assert changed(before, version_of(theirs.owner, shown, now=later)) == {Part.ACTIVE}
    cancel_generation(theirs.queued, by=SYSTEM, now=NOON)
    before = studio(theirs)
    assert version_of(theirs.owner, shown, now=later).etag == before.etag


def test_more_rows_are_another_version_of_what_is_in_progress_alone(theirs: Team) -> None:
    more = version_of(theirs.owner, Shown(Kind.STUDIO, rows=200), now=NOON)
    assert changed(studio(theirs), more) == {Part.ACTIVE}


def test_people_of_one_team_have_versions_of_their_own(theirs: Team, bob: Membership) -> None:
    shown = Shown(Kind.STUDIO, rows=6)
    assert changed(studio(theirs), version_of(bob, shown, now=NOON)) == set(Part) - {
        Part.FILM,
        Part.DELIVERY,
    }


def test_what_happens_in_another_team_changes_nothing(theirs: Team, charlie: Membership) -> None:
    before = studio(theirs)
    make_generation(charlie, State.COMPLETED, now=NOON, **CHEAP)
    assert studio(theirs).etag == before.etag


def test_p32_another_teams_film_has_no_version(theirs: Team, charlie: Membership) -> None:
    with pytest.raises(NotFound):
        version_of(charlie, Shown(Kind.FILM, row_id=theirs.kept.pk), now=NOON)


@pytest.mark.parametrize("kind", Kind)
def test_f13_a_version_costs_one_query(
    theirs: Team, kind: Kind, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    row = posted(theirs) if kind == Kind.DELIVERY else theirs.kept
    shown = Shown(kind, rows=6, row_id=row.pk)
    with django_assert_num_queries(1):
        version_of(theirs.owner, shown, now=NOON)


def posted(team: Team) -> WebhookDelivery:
    """Return a delivery whose next attempt is a minute away."""
    return WebhookDelivery.objects.create(
        team=team.owner.team,
        url="https://hooks.example/",
        event="webhook.test",
        next_attempt_at=NOON + timedelta(minutes=1),
    )


@pytest.mark.parametrize(
    ("change", "is_live"),
    [
        ({"next_attempt_at": NOON + timedelta(seconds=5)}, True),
        ({"claimed_until": NOON + timedelta(seconds=30), "attempts": 1}, True),
        ({"state": "delivered", "attempts": 1, "next_attempt_at": None}, False),
        ({"state": "given_up", "next_attempt_at": None}, False),
    ],
)
def test_f13_what_changes_about_a_delivery_changes_its_version(
    theirs: Team, change: dict[str, Any], *, is_live: bool
) -> None:
    delivery = posted(theirs)
    shown = Shown(Kind.DELIVERY, row_id=delivery.pk)
    before = version_of(theirs.owner, shown, now=NOON)
    assert not before.is_live
    WebhookDelivery.objects.filter(pk=delivery.pk).update(**change)
    after = version_of(theirs.owner, shown, now=NOON)
    assert (changed(before, after), after.is_live) == ({Part.DELIVERY}, is_live)


def test_f13_only_what_is_stuck_is_open_and_not_live(theirs: Team) -> None:
    assert (studio(theirs).is_live, studio(theirs).is_open) == (True, True)
    later = version_of(theirs.owner, Shown(Kind.STUDIO, rows=6), now=NOON + FRESH * 2)
    assert (later.is_live, later.is_open) == (False, True)
    unknown = '"x"'
    assert later.changed_since(unknown) == {Part.HEADER, Part.ACTIVE, Part.SHEET}
    assert later.changed_since(f"W/{later.etag}") == frozenset()
