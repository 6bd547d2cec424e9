"""Polling: only the vendor's clear word ends a generation, whatever else it says or does not."""

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.forms.models import model_to_dict
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Membership
from billing.models import Transfer
from billing.selectors import books_of
from generations.audit import audit
from generations.lifecycle import ReviewReason, State
from generations.models import Film, Generation, GenerationEvent, ProviderKey, VideoModel
from generations.provider.wire import TaskReport, TaskStatus
from generations.services.askers import MOST_IN_TROUBLE
from generations.services.callbacks import receive_callback
from generations.services.corrections import settle_doubt
from generations.services.housekeeping import clean_up
from generations.services.poll_rows import CLAIM, due_rows, put_off
from generations.services.poller import Poller
from generations.services.polling import DEADLINE, complete
from generations.services.provider_keys import delete_provider_key
from platform_site.cipher import generate_key
from tests.factories import ACTOR, fund, make_generation, make_provider_key
from tests.support.races import race
from tests.support.steps import Trap, claim_due, make_due, poll_due, queued
from tests.support.vendor import TASKS, Reply, Vendor, drop, html, refuse, reset, say

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


@pytest.fixture
def job(alice: Membership, vendor: Vendor) -> Generation:
    """A generation that the vendor works on."""
    return working(alice, vendor)


def working(membership: Membership, vendor: Vendor, **options: Any) -> Generation:
    return make_generation(membership, State.PROCESSING, upstream_id=vendor.add_task(), **options)


def polled(job: Generation) -> Generation:
    poll_due()
    job.refresh_from_db()
    return job


def is_held(job: Generation) -> bool:
    job.hold.refresh_from_db()
    return job.hold.closed_at is None


def snapshot(job: Generation, *, without: set[str]) -> dict[str, Any]:
    job.refresh_from_db()
    fields = {field.name: field.value_from_object(job) for field in job._meta.concrete_fields}
    return {name: value for name, value in fields.items() if name not in without}


def test_a_running_task_is_looked_at_again_later(job: Generation, vendor: Vendor) -> None:
    before = timezone.now()
    polled(job)
    assert (job.state, job.polls, job.poll_failures) == (State.PROCESSING, 1, 0)
    assert job.next_poll_at is not None
    assert job.next_poll_at > before
    [call] = vendor.looks_at(job.upstream_id or "")
    assert call.method == "GET"


def test_a_completed_task_settles_and_its_film_is_fetched_next(
    job: Generation, vendor: Vendor
) -> None:
    vendor.finish(vendor.only_task, b"film", duration=5, resolution="720p", ratio="16:9")
    polled(job)
    assert (job.state, job.seed, job.metadata_differs) == (State.COMPLETED, 41485, False)
    assert (job.hold.amount, is_held(job)) == (70, False)
    assert books_of(job.team).spent == 70
    assert job.film.state == Film.State.PENDING
    assert ("keep", (str(job.pk),)) in queued()
    assert list(audit()) == []


def test_a_failed_task_is_refunded_with_the_vendors_reason(job: Generation, vendor: Vendor) -> None:
    vendor.fail(vendor.only_task, "upstream_error", "Too dark.")
    polled(job)
    assert (job.state, job.error_code, job.error_message) == (
        State.FAILED,
        "upstream_error",
        "Too dark.",
    )
    assert books_of(job.team).available == 1000
    assert list(audit()) == []


@pytest.mark.parametrize(
    "reply",
    [
        refuse(401, "invalid_api_key"),
        refuse(402, "insufficient_credits"),
        refuse(403, "ip_not_allowed"),
        refuse(404, "task_not_found"),
        refuse(429, "rate_limit_exceeded"),
        refuse(429, "spend_limit_exceeded"),
        refuse(500, "internal_error"),
        refuse(503, "upstream_error", "sensitive or prohibited"),
        html(200),
        html(404),
        html(502),
        drop,
        reset,
        say(200, {"id": "another", "status": "completed", "output": {"urls": ["u"]}}),
        say(200, {"id": "another", "status": "failed"}),
        say(200, b"{"),
        say(200, b'{"id": NaN, "status": Infinity}'),
        say(200, b"[" * 100_000),
        say(200, b'"' + b"x" * 2_000_000 + b'"'),
    ],
)
def test_p28_an_unclear_answer_changes_only_when_to_look_next(
    job: Generation, vendor: Vendor, provider_key: ProviderKey, reply: Reply
) -> None:
    untouched = {"next_poll_at", "polls", "poll_failures"}
    before = snapshot(job, without=untouched)
    events, transfers = GenerationEvent.objects.count(), Transfer.objects.count()
    key = model_to_dict(provider_key)
    vendor.next(f"{TASKS}{job.upstream_id}", reply)
    polled(job)
    assert snapshot(job, without=untouched) == before
    assert (job.polls, job.poll_failures) == (1, 1)
    assert (GenerationEvent.objects.count(), Transfer.objects.count()) == (events, transfers)
    provider_key.refresh_from_db()
    assert model_to_dict(provider_key) == key


def test_p28_an_unknown_status_changes_only_when_to_look_next(
    job: Generation, vendor: Vendor
) -> None:
    unknown: list[Any] = ["exploded", "cancelled", "COMPLETED", "", None, 7, ["completed"], {}]
    for status in unknown:
        vendor.next(
            f"{TASKS}{job.upstream_id}", say(200, {"id": job.upstream_id, "status": status})
        )
        make_due(job)
        polled(job)
    assert (job.state, job.polls, job.poll_failures) == (State.PROCESSING, 8, 8)


def test_p28_trouble_makes_polls_rarer_and_a_clear_answer_ends_that(
    job: Generation, vendor: Vendor
) -> None:
    waits = []
    for _ in range(10):
        vendor.next(f"{TASKS}{job.upstream_id}", html(502))
        make_due(job)
        polled(job)
        assert job.next_poll_at is not None
        waits.append(round((job.next_poll_at - timezone.now()).total_seconds()))
    assert waits == sorted(waits)
    assert 250 <= waits[-1] <= 300
    make_due(job)
    assert polled(job).poll_failures == 0


def test_p28_times_beyond_any_calendar_do_not_stop_a_completion(
    alice: Membership, vendor: Vendor
) -> None:
    for moment in (9e11, -9e11, 1e300, 0, -1, 1, True, "soon"):
        job = working(alice, vendor, duration=4, resolution="480p", generate_audio=False)
        task_id = job.upstream_id or ""
        vendor.finish(task_id, b"film")
        vendor.tasks[task_id]["completed_at"] = moment
        assert polled(job).state == State.COMPLETED, moment
        film = Film.objects.get(pk=job.pk)
        assert film.link_expires_at is not None
        assert timedelta(hours=23) < film.link_expires_at - timezone.now() < timedelta(hours=25)


def test_p13_silence_past_the_deadline_asks_for_a_review_and_keeps_the_hold(
    job: Generation, vendor: Vendor
) -> None:
    overdue(job)
    polled(job)
    assert (job.state, job.review_reason) == (State.NEEDS_REVIEW, ReviewReason.SILENT)
    assert is_held(job)
    assert list(audit()) == []

    assert job.next_poll_at is not None
    make_due(job)
    polled(job)
    assert (job.state, len(vendor.looks_at(vendor.only_task))) == (State.NEEDS_REVIEW, 2)

    vendor.finish(vendor.only_task, b"film")
    make_due(job)
    assert polled(job).state == State.COMPLETED
    assert job.review_reason == ""
    assert books_of(job.team).spent == 70


def test_p13_the_late_truth_may_also_be_a_failure(job: Generation, vendor: Vendor) -> None:
    overdue(job)
    polled(job)
    vendor.fail(vendor.only_task)
    make_due(job)
    assert polled(job).state == State.FAILED
    assert books_of(job.team).available == 1000


def test_p13_a_vendor_that_makes_no_sense_is_silent_too(job: Generation, vendor: Vendor) -> None:
    overdue(job)
    vendor.always(f"{TASKS}{job.upstream_id}", refuse(404, "task_not_found"))
    polled(job)
    assert (job.state, job.review_reason) == (State.NEEDS_REVIEW, ReviewReason.SILENT)
    assert is_held(job)


def test_p13_a_completion_that_is_seen_after_the_deadline_needs_no_review(
    job: Generation, vendor: Vendor
) -> None:
    overdue(job)
    vendor.finish(vendor.only_task, b"film")
    assert polled(job).state == State.COMPLETED


def test_p13_one_that_a_person_ended_is_watched_and_stays_nobodys(
    job: Generation, vendor: Vendor
) -> None:
    overdue(job)
    polled(job)
    settle_doubt(job, actor=ACTOR, reason="It runs for ever.", now=timezone.now())
    make_due(job)
    polled(job)
    assert len(vendor.looks_at(vendor.only_task)) == 2
    assert job.next_poll_at is not None
    assert job.poll_holder == ""


def overdue(job: Generation) -> None:
    earlier = timezone.now() - DEADLINE - timedelta(seconds=1)
    Generation.objects.filter(pk=job.pk).update(accepted_at=earlier, submitted_at=earlier)


def test_p24_a_paid_job_goes_on_whatever_became_of_its_inputs(
    job: Generation, vendor: Vendor
) -> None:
    VideoModel.objects.all().delete()
    Generation.objects.update(body={"nonsense": True}, prompt="", duration=99, resolution="9p")
    vendor.finish(vendor.only_task, b"film")
    assert polled(job).state == State.COMPLETED
    assert job.metadata_differs is False
    assert books_of(job.team).spent == 70


def test_p25_a_task_is_asked_for_with_the_key_that_made_it(
    job: Generation, alice: Membership, vendor: Vendor
) -> None:
    secret = "sk-sandbox-another-of-alices-own"
    make_provider_key(alice.team, alice.user, secret=secret)
    polled(job)
    [call] = vendor.looks_at(vendor.only_task)
    assert call.headers["authorization"] != f"Bearer {secret}"
    assert call.headers["authorization"].startswith("Bearer sk-sandbox-")


def test_p25_a_task_is_asked_for_where_it_was_made(
    job: Generation, vendor: Vendor, settings: Settings
) -> None:
    settings.SANDBOX_URL = settings.PROVIDER_URL = "http://127.0.0.1:9"
    vendor.finish(vendor.only_task, b"film")
    assert polled(job).state == State.COMPLETED


def test_p25_a_deleted_key_lives_until_its_last_generation_and_film(
    job: Generation, vendor: Vendor, provider_key: ProviderKey
) -> None:
    delete_provider_key(provider_key, actor=ACTOR)
    assert is_sealed_with_secret(provider_key)
    vendor.finish(vendor.only_task, b"film")
    assert polled(job).state == State.COMPLETED
    clean_up()
    assert is_sealed_with_secret(provider_key), "a film whose link dies is asked for with it"
    Film.objects.update(state=Film.State.KEPT)
    clean_up()
    provider_key.refresh_from_db()
    assert (provider_key.state, provider_key.secret_token) == (ProviderKey.State.SEALED, "")


def is_sealed_with_secret(key: ProviderKey) -> bool:
    key.refresh_from_db()
    return key.state == ProviderKey.State.SEALED and key.secret_token != ""


def test_a_key_that_does_not_open_is_trouble_and_no_end(
    job: Generation, vendor: Vendor, settings: Settings
) -> None:
    settings.VAULT_KEYS = f"other:{generate_key()}"
    polled(job)
    assert (job.state, job.poll_failures, vendor.calls) == (State.PROCESSING, 1, [])


CHEAP: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False}


def several(count: int, membership: Membership, vendor: Vendor) -> list[Generation]:
    """Jobs that the vendor works on and that have been due for a minute."""
    fund(membership.team, 100 * count)
    jobs = [working(membership, vendor, **CHEAP) for _ in range(count)]
    earlier = timezone.now() - timedelta(minutes=1)
    Generation.objects.filter(pk__in=[job.pk for job in jobs]).update(next_poll_at=earlier)
    return jobs


def poll_until(poller: Poller, done: Callable[[], object], *, why: str) -> None:
    give_up_at = time.monotonic() + 30
    while not done():
        assert time.monotonic() < give_up_at, why
        poller.step(pause=0.05)


def test_p27_a_hundred_that_hang_delay_nobody(alice: Membership, vendor: Vendor) -> None:
    gate = vendor.gate()
    hanging = several(100, alice, vendor)
    stuck = several(20, alice, vendor)
    for one in hanging:
        vendor.always(f"{TASKS}{one.upstream_id}", gate.before(drop))
    quick = several(10, alice, vendor)
    Generation.objects.filter(pk__in=[one.pk for one in quick]).update(next_poll_at=timezone.now())
    for one in quick:
        vendor.fail(one.upstream_id or "")

    poller = Poller()
    poll_until(
        poller,
        lambda: Generation.objects.filter(state=State.FAILED).count() == len(quick),
        why="those that hang keep the others waiting",
    )
    assert not any(call for one in hanging for call in vendor.looks_at(one.upstream_id or "")[1:])
    assert all(vendor.looks_at(one.upstream_id or "") for one in stuck)
    gate.open()
    poller.finish(seconds=20)
    states = {one.state for one in Generation.objects.filter(pk__in=[g.pk for g in hanging])}
    assert states == {State.PROCESSING}


def test_p27_those_that_gave_trouble_hang_in_few_places(alice: Membership, vendor: Vendor) -> None:
    gate = vendor.gate()
    hanging = several(MOST_IN_TROUBLE + 20, alice, vendor)
    for one in hanging:
        vendor.always(f"{TASKS}{one.upstream_id}", gate.before(drop))
    Generation.objects.update(poll_failures=1)
    poller = Poller()

    def asked() -> int:
        return sum(len(vendor.looks_at(one.upstream_id or "")) for one in hanging)

    poll_until(poller, lambda: asked() == MOST_IN_TROUBLE, why="fewer than may be are asked")
    for _ in range(10):
        poller.step(pause=0.05)
    assert asked() == MOST_IN_TROUBLE
    [quick] = several(1, alice, vendor)
    vendor.fail(quick.upstream_id or "")
    poll_until(
        poller,
        lambda: Generation.objects.filter(state=State.FAILED).exists(),
        why="those in trouble keep a sound one waiting",
    )
    gate.open()
    poller.finish(seconds=20)


def test_p27_a_keys_thousand_rows_let_another_keys_one_pass(
    alice: Membership, charlie: Membership, vendor: Vendor
) -> None:
    several(30, alice, vendor)
    [late] = several(1, charlie, vendor)
    Generation.objects.filter(pk=late.pk).update(next_poll_at=timezone.now())
    assert late.pk in [row.id for row in due_rows(timezone.now(), limit=2)]


def test_p27_what_gave_trouble_takes_turns_with_what_did_not(
    alice: Membership, vendor: Vendor
) -> None:
    jobs = several(8, alice, vendor)
    in_trouble = [job.pk for job in jobs[:6]]
    Generation.objects.filter(pk__in=in_trouble).update(poll_failures=3)
    first = [row.in_trouble for row in due_rows(timezone.now(), limit=4)]
    assert sorted(first) == [False, False, True, True]
    sound = due_rows(timezone.now(), limit=9, with_trouble=False)
    assert {row.id for row in sound} == {job.pk for job in jobs[6:]}


def test_p28_too_many_requests_slow_down_that_key_only(
    alice: Membership, charlie: Membership, vendor: Vendor, provider_key: ProviderKey
) -> None:
    turned_away = several(60, alice, vendor)
    for one in turned_away:
        vendor.always(f"{TASKS}{one.upstream_id}", refuse(429, "rate_limit_exceeded"))
    others = several(20, charlie, vendor)
    for one in others:
        vendor.fail(one.upstream_id or "")
    poller = Poller()
    poll_until(
        poller,
        lambda: Generation.objects.filter(state=State.FAILED).count() == len(others),
        why="one key's trouble keeps another waiting",
    )
    poller.finish(seconds=20)
    asked = [one for one in turned_away if vendor.looks_at(one.upstream_id or "")]
    assert 0 < len(asked) < len(turned_away), "the key was asked on and on"
    left = Generation.objects.filter(pk__in=[job.pk for job in turned_away], polls=0)
    assert {one.poll_failures for one in left} == {0}
    again = Poller()
    again.step(pause=0.1)
    again.finish(seconds=20)
    times = [len(vendor.looks_at(one.upstream_id or "")) for one in turned_away]
    assert sum(times) == len(asked), "another sweep asked while the key rests"


def test_many_that_still_run_take_few_statements(
    alice: Membership, vendor: Vendor, django_assert_max_num_queries: Any
) -> None:
    jobs = several(60, alice, vendor)
    with django_assert_max_num_queries(40):
        poll_due()
    rows = Generation.objects.filter(pk__in=[job.pk for job in jobs])
    assert set(rows.values_list("polls", "poll_failures", "poll_holder")) == {(1, 0, "")}
    assert not rows.filter(next_poll_at__lte=timezone.now()).exists()


def test_a_row_that_cannot_be_put_off_does_not_take_its_group_along(
    alice: Membership, vendor: Vendor
) -> None:
    jobs = several(5, alice, vendor)
    with Trap("generations_generation", "UPDATE", f"NEW.id = '{jobs[2].pk.hex}' AND NEW.polls > 0"):
        poll_due()
    polls = [Generation.objects.get(pk=job.pk).polls for job in jobs]
    assert polls == [1, 1, 0, 1, 1]


def test_what_is_not_asked_yet_is_given_back(alice: Membership, vendor: Vendor) -> None:
    gate = vendor.gate()
    jobs = several(60, alice, vendor)
    for one in jobs:
        vendor.always(f"{TASKS}{one.upstream_id}", gate.before(drop))
    poller = Poller()
    poller.step(pause=0.1)
    poller.finish(seconds=0)
    rows = Generation.objects.filter(pk__in=[job.pk for job in jobs])
    assert set(rows.values_list("poll_holder", flat=True)) == {""}
    due = rows.filter(next_poll_at__lte=timezone.now())
    assert 0 < due.count() < len(jobs)
    assert set(due.values_list("polls", "poll_failures")) == {(0, 0)}
    hung = rows.filter(next_poll_at__gt=timezone.now())
    assert set(hung.values_list("polls", "poll_failures")) == {(1, 1)}


def test_p27_the_longest_overdue_are_asked_first(alice: Membership, vendor: Vendor) -> None:
    now = timezone.now()
    jobs = [working(alice, vendor, **CHEAP) for _ in range(6)]
    for rank, one in enumerate(jobs):
        due = now - timedelta(seconds=rank)
        Generation.objects.filter(pk=one.pk).update(next_poll_at=due)
    assert [one.id for one in claim_due(now, limit=3)] == [one.pk for one in reversed(jobs[3:])]


@pytest.mark.both_databases
def test_p26_a_dead_sweeps_rows_come_back_by_time(job: Generation) -> None:
    now = timezone.now()
    assert [row.id for row in claim_due(now, limit=5, holder="dead")] == [job.pk]
    assert claim_due(now + CLAIM - timedelta(seconds=1), limit=5) == []
    assert [row.id for row in claim_due(now + CLAIM, limit=5, holder="heir")] == [job.pk]
    # The dead one was only slow: its answer changes nothing any more.
    later = {job.pk: now + timedelta(hours=1)}
    assert put_off(later, holder="dead", claimed_at=now, clear=True) == 0
    assert put_off(later, holder="heir", claimed_at=now + CLAIM, clear=True) == 1


@pytest.mark.both_databases
def test_p30_a_callback_that_comes_while_the_vendor_is_asked_is_not_forgotten(
    job: Generation,
) -> None:
    now = timezone.now()
    claim_due(now, limit=1, holder="sweep")
    receive_callback(
        job.callback_token,
        proposed_id=job.upstream_id or "",
        event="task.completed",
        sent_from="127.0.0.1",
        now=timezone.now(),
    )
    later = {job.pk: now + timedelta(minutes=10)}
    assert put_off(later, holder="sweep", claimed_at=now, clear=True) == 0
    assert [row.id for row in claim_due(timezone.now(), limit=1)] == [job.pk]


@pytest.mark.both_databases
def test_what_ended_meanwhile_is_not_put_off(job: Generation) -> None:
    now = timezone.now()
    claim_due(now, limit=1, holder="sweep")
    report = TaskReport(id=job.upstream_id or "", status=TaskStatus.COMPLETED, urls=("http://u/",))
    assert complete(job, report, now=now)
    assert put_off({job.pk: now}, holder="sweep", claimed_at=now, clear=True) == 0
    job.refresh_from_db()
    assert (job.next_poll_at, job.poll_holder) == (None, "")


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p27_sweeps_that_poll_at_once_share_what_is_due(alice: Membership, vendor: Vendor) -> None:
    for _ in range(30):
        working(alice, vendor, **CHEAP)
    now = timezone.now() + timedelta(seconds=1)
    shares = race(4, lambda _: [one.id for one in claim_due(now, limit=30)])
    claimed = [pk for share in shares if isinstance(share, list) for pk in share]
    assert len(claimed) == len(set(claimed)) == 30


def test_p29_a_completion_without_a_film_settles_and_is_flagged(
    alice: Membership, vendor: Vendor, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = [vendor.url.removeprefix("http://")]
    job = working(alice, vendor, callback_url=f"{vendor.url}/hook")
    vendor.finish(job.upstream_id or "", urls=[])
    polled(job)
    assert (job.state, books_of(job.team).spent) == (State.COMPLETED, 70)
    assert job.film.state == Film.State.GIVEN_UP
    assert "without a link" in job.film.problem
    assert job.film.lost_at is not None
    assert "film_without_link" in str([record.msg for record in caplog.records])
    assert [name for name, _ in queued()].count("deliver") == 1
    assert "keep" not in [name for name, _ in queued()]


@pytest.mark.parametrize(
    ("metadata", "differs"),
    [
        ({}, False),
        ({"duration": 5, "resolution": "720p", "ratio": "16:9", "generate_audio": True}, False),
        ({"duration": 4}, True),
        ({"resolution": "480p"}, True),
        ({"ratio": "9:16"}, True),
        ({"generate_audio": False}, True),
        ({"framespersecond": 30}, False),
    ],
)
def test_p19_metadata_that_differs_from_the_order_is_flagged(
    job: Generation, vendor: Vendor, metadata: dict[str, Any], differs: bool
) -> None:
    vendor.finish(vendor.only_task, b"film", **metadata)
    assert polled(job).metadata_differs is differs


@pytest.mark.parametrize(
    ("ending", "table"),
    [
        ("complete", "billing_transfer"),
        ("complete", "generations_film"),
        ("complete", "generations_generationevent"),
        ("complete", "django_q_ormq"),
        ("fail", "billing_transfer"),
        ("fail", "generations_generationevent"),
    ],
)
@pytest.mark.both_databases
def test_p10_state_and_money_commit_together_or_not_at_all(
    job: Generation, vendor: Vendor, table: str, ending: str
) -> None:
    if ending == "complete":
        vendor.finish(vendor.only_task, b"film")
    else:
        vendor.fail(vendor.only_task)
    with Trap(table, "INSERT"):
        polled(job)
    assert (job.state, is_held(job), books_of(job.team).held) == (State.PROCESSING, True, 70)
    assert not Film.objects.exists()
    assert list(audit()) == []
    make_due(job)
    polled(job)
    assert (job.is_terminal, is_held(job)) == (True, False)
    assert list(audit()) == []


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p09_a_completion_that_is_seen_many_times_at_once_settles_once(
    alice: Membership, vendor: Vendor
) -> None:
    job = working(alice, vendor)
    report = TaskReport(id=job.upstream_id or "", status=TaskStatus.COMPLETED, urls=("http://u/",))
    copies = [Generation.objects.get(pk=job.pk) for _ in range(6)]
    outcomes = race(6, lambda number: complete(copies[number], report, now=timezone.now()))
    assert sorted(map(str, outcomes)) == ["False"] * 5 + ["True"]
    assert Transfer.objects.filter(kind="settle", hold=job.hold).count() == 1
    assert list(audit()) == []


def test_a_row_that_cannot_be_written_does_not_stop_the_others(
    alice: Membership, vendor: Vendor
) -> None:
    first, second = working(alice, vendor), working(alice, vendor)
    for one in (first, second):
        vendor.fail(one.upstream_id or "")
    with Trap("generations_generation", "UPDATE", f"NEW.id = '{first.pk.hex}' AND NEW.ended_at"):
        poll_due()
    second.refresh_from_db()
    assert second.state == State.FAILED


def test_p35_an_end_names_its_actor_in_the_event_and_in_the_books(
    job: Generation, vendor: Vendor
) -> None:
    vendor.finish(vendor.only_task, b"film")
    polled(job)
    entry = Transfer.objects.get(kind="settle", hold=job.hold)
    event = job.events.get(to_state=State.COMPLETED)
    assert (entry.actor, event.actor) == ("system:poll", "system:poll")
    assert event.upstream_id == vendor.only_task


def test_without_a_history_looks_are_dense_at_first_and_then_thinner(
    job: Generation, vendor: Vendor
) -> None:
    now = timezone.now()
    waits = [wait_after(job, now - timedelta(seconds=age)) for age in (0, 30, 120, 3600)]
    assert waits == pytest.approx([1, 3, 12, 30], rel=0.11)


def test_the_sites_history_says_when_to_look(
    job: Generation, alice: Membership, vendor: Vendor
) -> None:
    fund(alice.team, 10_000)
    started = timezone.now() - timedelta(hours=1)
    for seconds in range(100, 120):
        past = make_generation(alice, State.COMPLETED, now=started)
        ended_at = started + timedelta(seconds=seconds)
        Generation.objects.filter(pk=past.pk).update(ended_at=ended_at)
    cache.clear()
    now = timezone.now()
    waits = [wait_after(job, now - timedelta(seconds=age)) for age in (1, 80, 110, 3600)]
    assert waits == pytest.approx([30, 10, 2.5, 60], rel=0.12)
    other = working(alice, vendor, **CHEAP)  # a kind that has no history
    assert wait_after(other, now - timedelta(seconds=10)) == pytest.approx(1, rel=0.12)


def wait_after(job: Generation, accepted_at: datetime) -> float:
    Generation.objects.filter(pk=job.pk).update(accepted_at=accepted_at)
    make_due(job)
    polled(job)
    assert job.next_poll_at is not None
    return (job.next_poll_at - timezone.now()).total_seconds()


@pytest.mark.both_databases
def test_an_answer_may_be_stored_as_it_came(job: Generation, vendor: Vendor) -> None:
    text = json.dumps({"duration": 5, "seed": 2**70, "ratio": "\ud800", "resolution": "7\0p"})
    vendor.finish(vendor.only_task, b"film", **json.loads(text))
    polled(job)
    assert (job.state, job.seed) == (State.COMPLETED, None)
