"""Provider keys: paused when the vendor turns them away, probed, resumed, sealed and wiped."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import AuditEvent, Membership, Team
from accounts.selectors import notices_for
from billing.selectors import books_of
from generations.dispatch.ramp import FIRST_POSTS
from generations.lifecycle import Ending, State
from generations.models import Generation, ProviderKey
from generations.ops.agenda import enqueue_due_steps
from generations.ops.clean_up import clean_up
from generations.provider_keys.service import (
    delete_provider_key,
    pause_provider_key,
    pause_refused_key,
    probe_provider_key,
    resume_provider_key,
    set_send_rate,
)
from generations.selectors import provider_key_for
from platform_site.errors import Conflict, InvalidRequest
from tests.factories import SYSTEM, make_generation, make_provider_key, refusal
from tests.support.api import MODEL
from tests.support.crowds import make_crowd
from tests.support.sending import send_all, send_now
from tests.support.steps import empty_queue, queued, run_queue
from tests.support.vendor import CREATE, CREDITS, Vendor, drop, html, refuse

pytestmark = pytest.mark.django_db


def paused(key: ProviderKey) -> ProviderKey:
    pause_refused_key(key, refusal())
    key.refresh_from_db()
    return key


def test_p36_a_pause_is_recorded_once_with_its_reason(provider_key: ProviderKey) -> None:
    assert pause_provider_key(provider_key, reason="Broke.", by=SYSTEM)
    assert not pause_provider_key(provider_key, reason="Broke again.", by=SYSTEM)
    event = AuditEvent.objects.get(action="provider_key.paused")
    assert (event.actor, event.subject_kind) == ("test", "provider_key")
    assert event.subject_id == str(provider_key.pk)
    provider_key.refresh_from_db()
    assert provider_key.pause_note == "Broke."


def test_p36_the_sweep_probes_a_paused_key_and_sends_nothing_with_it(
    provider_key: ProviderKey, alice: Membership, vendor: Vendor
) -> None:
    make_generation(alice)
    paused(provider_key)
    empty_queue()
    later = timezone.now() + timedelta(minutes=2)
    enqueue_due_steps(later)
    probe = ("probe", (provider_key.pk,))
    assert queued().count(probe) == 1
    # Its meter is read and its managers are written to; neither sends a job.
    assert {name for name, _ in queued()} == {"mail", "probe", "sample"}
    enqueue_due_steps(later + timedelta(seconds=1))
    assert queued().count(probe) == 1, "a probe under way was enqueued again"


def test_p36_a_probe_that_succeeds_resumes_and_its_jobs_are_due(
    provider_key: ProviderKey, alice: Membership, vendor: Vendor
) -> None:
    job = make_generation(alice)
    paused(provider_key)
    probe_provider_key(provider_key.pk)
    provider_key.refresh_from_db()
    assert (provider_key.state, provider_key.pause_note) == (ProviderKey.State.ACTIVE, "")
    job.refresh_from_db()
    assert job.next_submit_at is not None
    assert job.next_submit_at <= timezone.now()
    assert AuditEvent.objects.get(action="provider_key.resumed").actor == "system:probe"
    assert vendor.creates == [], "a probe cost money"


@pytest.mark.parametrize(
    "reply", [refuse(401, "invalid_api_key"), refuse(402, "insufficient_credits"), html(502), drop]
)
def test_p36_a_probe_that_fails_leaves_it_paused_and_the_next_is_later(
    provider_key: ProviderKey, vendor: Vendor, reply: object
) -> None:
    vendor.always(CREDITS, reply)  # type: ignore[arg-type]
    paused(provider_key)
    waits = []
    for _ in range(12):
        probe_provider_key(provider_key.pk)
        provider_key.refresh_from_db()
        assert provider_key.state == ProviderKey.State.PAUSED
        assert provider_key.next_probe_at is not None
        waits.append((provider_key.next_probe_at - timezone.now()).total_seconds())
    assert [round(wait) for wait in waits[:4]] == [4, 8, 16, 32]
    assert waits[-1] <= 15 * 60


def test_p36_a_key_that_keeps_failing_is_tried_ever_more_rarely(
    provider_key: ProviderKey, alice: Membership, vendor: Vendor
) -> None:
    """The meter may look well while every job is turned away."""
    make_generation(alice)
    waits = []
    for _ in range(5):
        vendor.next(CREATE, refuse(402, "insufficient_credits"))
        send_now()
        provider_key.refresh_from_db()
        assert provider_key.next_probe_at is not None
        waits.append(round((provider_key.next_probe_at - timezone.now()).total_seconds()))
        probe_provider_key(provider_key.pk)
    assert waits == [2, 4, 8, 16, 32]
    send_now()
    provider_key.refresh_from_db()
    assert provider_key.probes == 0, "past trouble was not forgotten"


def test_a_person_may_resume_a_key(provider_key: ProviderKey) -> None:
    paused(provider_key)
    assert resume_provider_key(provider_key, by=SYSTEM, now=timezone.now())
    assert not resume_provider_key(provider_key, by=SYSTEM, now=timezone.now())


def test_a_probe_of_a_key_that_is_not_paused_asks_nothing(
    provider_key: ProviderKey, vendor: Vendor
) -> None:
    probe_provider_key(provider_key.pk)
    probe_provider_key(987_654)
    assert vendor.calls == []


def test_p36_one_persons_trouble_stops_nobody_else(
    provider_key: ProviderKey, alice: Membership, bob: Membership, vendor: Vendor
) -> None:
    own = make_provider_key(alice.team, alice.user)
    hers, his = make_generation(alice), make_generation(bob)
    assert (hers.provider_key, his.provider_key) == (own, provider_key)
    vendor.next(CREATE, refuse(401, "invalid_api_key"))
    send_now()
    send_now()
    states = {g.pk: g.state for g in Generation.objects.all()}
    assert states == {hers.pk: State.QUEUED, his.pk: State.PROCESSING}


def test_p25_a_deleted_key_is_wiped_at_once_when_nothing_needs_it(
    provider_key: ProviderKey,
) -> None:
    delete_provider_key(provider_key, by=SYSTEM)
    provider_key.refresh_from_db()
    assert (provider_key.state, provider_key.secret_token) == (ProviderKey.State.SEALED, "")
    assert AuditEvent.objects.filter(action="provider_key.deleted").count() == 1


@pytest.mark.parametrize(
    "state", [State.QUEUED, State.SUBMITTING, State.PROCESSING, State.NEEDS_REVIEW]
)
def test_p25_a_deleted_key_stays_sealed_while_a_generation_needs_it(
    provider_key: ProviderKey, alice: Membership, state: State
) -> None:
    job = make_generation(alice, state)
    delete_provider_key(provider_key, by=SYSTEM)
    clean_up()
    provider_key.refresh_from_db()
    assert provider_key.secret_token
    Generation.objects.filter(pk=job.pk).update(
        state=State.FAILED,
        ending=Ending.FAILED,
        review_reason="",
        ended_at=timezone.now(),
        next_poll_at=None,
    )
    assert clean_up()["sealed_keys"] == 1
    provider_key.refresh_from_db()
    assert provider_key.secret_token == ""


def test_p25_nothing_new_is_admitted_with_a_deleted_key(
    provider_key: ProviderKey, alice: Membership, team: Team
) -> None:
    make_generation(alice)
    delete_provider_key(provider_key, by=SYSTEM)
    successor = make_provider_key(team)
    assert provider_key_for(team, alice.user, model=MODEL) == successor
    assert make_generation(alice).provider_key == successor


def test_p25_a_deleted_key_is_not_probed(provider_key: ProviderKey, vendor: Vendor) -> None:
    paused(provider_key)
    delete_provider_key(provider_key, by=SYSTEM)
    empty_queue()
    enqueue_due_steps(timezone.now() + timedelta(hours=1))
    run_queue()
    assert vendor.calls == []


@pytest.mark.parametrize("own", [True, False], ids=["own key", "team's key"])
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "invalid_api_key"),
        (402, "insufficient_credits"),
        (403, "ip_not_allowed"),
        (429, "spend_limit_exceeded"),
    ],
)
def test_p36_of_two_hundred_jobs_a_few_are_turned_away_and_all_go_out_after_the_probe(
    provider_key: ProviderKey,
    alice: Membership,
    bob: Membership,
    vendor: Vendor,
    own: bool,
    status: int,
    code: str,
) -> None:
    key = make_provider_key(bob.team, bob.user) if own else provider_key
    make_crowd(bob, 200)
    vendor.always(CREATE, refuse(status, code, "See to it."))
    send_all()
    key.refresh_from_db()
    assert (key.state, key.pause_code, key.pause_note) == ("paused", code, "See to it.")
    assert Generation.objects.filter(state=State.QUEUED).count() == 200
    assert len(vendor.creates) == FIRST_POSTS
    vendor.always(CREATE, None)
    told = [len(notices_for(member)) for member in (alice, bob)]
    assert told == ([0, 1] if own else [1, 0])
    probe_provider_key(key.pk)
    send_all()
    assert len(vendor.creates) == FIRST_POSTS + 200
    assert set(Generation.objects.values_list("state", flat=True)) == {State.PROCESSING}
    assert [len(notices_for(member)) for member in (alice, bob)] == told


def test_p36_a_key_paused_by_hand_is_not_probed(
    provider_key: ProviderKey, alice: Membership, vendor: Vendor
) -> None:
    make_generation(alice)
    pause_provider_key(provider_key, reason="Month's end.", by=SYSTEM)
    empty_queue()
    enqueue_due_steps(timezone.now() + timedelta(days=3))
    assert not {"probe", "dispatch"} & {name for name, _ in queued()}
    notice = notices_for(alice)[0]
    assert "paused" in notice.title
    assert "Month's end." in notice.body
    assert "turned" not in notice.body


def test_p25_a_paused_key_that_is_deleted_leaves_no_job_waiting_for_ever(
    provider_key: ProviderKey, alice: Membership, vendor: Vendor
) -> None:
    """Its jobs go out with it as they were priced, or end with their credits given back."""
    make_generation(alice)
    make_generation(alice)
    paused(provider_key)
    empty_queue()
    delete_provider_key(provider_key, by=SYSTEM)
    vendor.next(CREATE, refuse(402, "insufficient_credits"))
    send_all()
    states = sorted(Generation.objects.values_list("state", flat=True))
    assert states == [State.FAILED, State.PROCESSING]
    assert books_of(alice.team).held == 70


def test_p25_a_job_is_never_sent_with_another_key_than_its_own(
    provider_key: ProviderKey, alice: Membership, team: Team, vendor: Vendor
) -> None:
    """It was priced and limited under that one; a successor would pay for what it never agreed."""
    job = make_generation(alice)
    delete_provider_key(provider_key, by=SYSTEM)
    make_provider_key(team)
    send_all()
    job.refresh_from_db()
    assert (job.provider_key, job.state) == (provider_key, State.PROCESSING)


@pytest.mark.parametrize(
    ("rate", "field"),
    [
        ({"max_in_flight": 0, "per_minute": None}, "max_in_flight"),
        ({"max_in_flight": True, "per_minute": None}, "max_in_flight"),
        ({"max_in_flight": 10_001, "per_minute": None}, "max_in_flight"),
        ({"max_in_flight": 1, "per_minute": 0}, "per_minute"),
        ({"max_in_flight": 1, "per_minute": 60_001}, "per_minute"),
    ],
)
def test_a_send_rate_outside_its_bounds_is_refused(
    provider_key: ProviderKey, rate: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        set_send_rate(provider_key, by=SYSTEM, **rate)
    assert refusal.value.field == field
    provider_key.refresh_from_db()
    assert (provider_key.max_in_flight, provider_key.per_minute) == (1000, None)


def test_a_deleted_key_has_no_send_rate(provider_key: ProviderKey) -> None:
    delete_provider_key(provider_key, by=SYSTEM)
    with pytest.raises(Conflict):
        set_send_rate(provider_key, max_in_flight=3, per_minute=None, by=SYSTEM)
