"""What is in review: evidence, looking again, telling managers, deciding (P13, P14, P22, P30)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEvent, Membership, Notice, Team, WebhookDelivery, WebhookEndpoint
from billing.models import Transfer
from billing.selectors import books_of
from generations.errors import NoProviderAnswer
from generations.lifecycle import ReviewReason, State
from generations.models import Film, Generation, ProviderKey
from generations.polling.outcome import DEADLINE
from generations.reconciliation.sampling import SOON
from generations.reports.audit import audit
from generations.review.adopt import adopt_found_id
from generations.review.advice import Action
from generations.review.corrections import release_reviewed, settle_reviewed
from generations.review.decide import PATIENCE, decide_review, look_now, tell_long_reviews
from generations.review.evidence import in_review, in_review_for, reviews_of
from platform_site.errors import Conflict, InvalidRequest
from tests.factories import SYSTEM, make_generation, make_provider_key
from tests.support.films import film_bytes
from tests.support.meter import Clock, Meter
from tests.support.races import race
from tests.support.steps import make_due, poll_due, queued, run_queue
from tests.support.submits import submit
from tests.support.vendor import CREATE, CREDITS, TASKS, Reply, Vendor, drop, html, refuse
from tests.support.working import CHEAP

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]
Lose = Callable[[], Generation]


@pytest.fixture
def lose(alice: Membership, vendor: Vendor) -> Lose:
    """Make generations of 12 credits that the vendor accepted while its reply was lost."""

    def make() -> Generation:
        job = make_generation(alice, **CHEAP)
        vendor.next(CREATE, vendor.accepts_then(drop))
        submit(job)
        job.refresh_from_db()
        assert job.review_reason == ReviewReason.SUBMIT_UNKNOWN
        return job

    return make


def fresh(generation: Generation) -> Generation:
    return Generation.objects.select_related("provider_key", "hold").get(pk=generation.pk)


def adopt(generation: Generation, upstream_id: str, **more: Any) -> Generation:
    known = {"by": SYSTEM, "reason": "Found in the console", "now": timezone.now()}
    adopt_found_id(fresh(generation), upstream_id, **{**known, **more})
    return fresh(generation)


def closings(generation: Generation) -> list[str]:
    entries = Transfer.objects.filter(hold=generation.hold_id).exclude(kind="hold")
    return list(entries.order_by("id").values_list("kind", flat=True))


# A person found the id


def test_p30_an_id_that_a_person_found_is_adopted_and_polled(lose: Lose, vendor: Vendor) -> None:
    lost = lose()
    adopted = adopt(lost, f"  {vendor.only_task} ")
    assert (adopted.state, adopted.upstream_id) == (State.PROCESSING, vendor.only_task)
    event = AuditEvent.objects.get(action="generation.id_adopted")
    assert (event.reason, event.data["upstream_id"]) == (
        "Found in the console",
        vendor.only_task,
    )
    vendor.finish(vendor.only_task, film_bytes())
    poll_due()
    assert fresh(lost).state == State.COMPLETED
    assert len(vendor.creates) == 1


def test_p30_a_found_id_is_asked_for_with_the_pinned_key(
    lose: Lose, vendor: Vendor, team: Team, alice: Membership
) -> None:
    lost = lose()
    make_provider_key(team, alice.user, secret="sk-sandbox-alices-newer-key")
    adopt(lost, vendor.only_task)
    [look] = vendor.looks_at(vendor.only_task)
    assert look.headers["authorization"] == vendor.creates[0].headers["authorization"]


@pytest.mark.parametrize(
    ("upstream_id", "created", "words"),
    [
        ("made-up", 0, "knows no such task"),
        ("older", -3600, "before this generation was sent"),
        ("later", 90_000, "long after"),
        ("", 0, "no task id"),
        ("x" * 121, 0, "no task id"),
        ("nul\0", 0, "no task id"),
    ],
)
def test_p30_an_id_that_is_not_its_own_is_refused_in_words(
    lose: Lose, vendor: Vendor, upstream_id: str, created: int, words: str
) -> None:
    lost = lose()
    assert lost.submitted_at is not None
    for name in ("older", "later"):
        vendor.add_task(name, created_at=int(lost.submitted_at.timestamp()) + created)
    with pytest.raises(InvalidRequest, match=words) as refused:
        adopt(lost, upstream_id)
    assert refused.value.field == "upstream_id"
    assert fresh(lost).state == State.NEEDS_REVIEW
    assert not AuditEvent.objects.filter(action="generation.id_adopted").exists()


def test_p30_an_id_of_another_generation_is_refused(
    lose: Lose, alice: Membership, vendor: Vendor
) -> None:
    lost = lose()
    make_generation(alice, State.PROCESSING, upstream_id=vendor.only_task)
    with pytest.raises(InvalidRequest, match="another generation"):
        adopt(lost, vendor.only_task)


@pytest.mark.parametrize("reply", [html(502), drop, refuse(401, "invalid_api_key")])
def test_p13_a_vendor_that_does_not_answer_decides_nothing(
    lose: Lose, vendor: Vendor, reply: Reply
) -> None:
    lost = lose()
    vendor.always(f"{TASKS}{vendor.only_task}", reply)
    with pytest.raises(NoProviderAnswer):
        adopt(lost, vendor.only_task)
    assert fresh(lost).state == State.NEEDS_REVIEW


@pytest.mark.parametrize("state", [State.QUEUED, State.PROCESSING, State.COMPLETED, State.FAILED])
def test_only_what_lacks_its_id_adopts_one(alice: Membership, vendor: Vendor, state: State) -> None:
    with pytest.raises(Conflict):
        adopt(make_generation(alice, state), vendor.add_task())


def test_an_adoption_needs_a_reason(lose: Lose, vendor: Vendor) -> None:
    with pytest.raises(InvalidRequest):
        adopt(lose(), vendor.only_task, reason=" ")


@pytest.mark.parametrize(
    ("end", "word", "entries", "spent"),
    [
        (release_reviewed, "completed", ["release", "adjust"], 12),
        (release_reviewed, "failed", ["release"], 0),
        (settle_reviewed, "completed", ["settle"], 12),
        (settle_reviewed, "failed", ["settle", "adjust"], 0),
    ],
)
def test_p14_an_id_found_after_the_decision_lets_the_vendors_word_correct_it(
    lose: Lose,
    vendor: Vendor,
    end: Callable[..., None],
    word: str,
    entries: list[str],
    spent: int,
) -> None:
    lost = lose()
    end(lost, by=SYSTEM, reason="Nothing in the console", now=timezone.now())
    task = vendor.only_task
    if word == "completed":
        vendor.finish(task, film_bytes())
    else:
        vendor.fail(task)
    adopted = adopt(lost, task)
    assert (adopted.state, adopted.upstream_id) == (State.FAILED, task)
    poll_due()
    run_queue("keep")
    assert closings(lost) == entries
    assert books_of(lost.team).spent == spent
    assert Film.objects.filter(state=Film.State.KEPT).count() == (word == "completed")
    assert list(audit()) == []


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p30_one_task_proposed_for_many_generations_is_adopted_by_one(
    lose: Lose, vendor: Vendor, alice: Membership, charlie: Membership
) -> None:
    # One secret vaulted by two teams answers for both: no constraint spans the two keys.
    lost = [lose(), lose(), lose()]
    task = next(iter(vendor.tasks))
    ProviderKey.objects.filter(team=charlie.team).update(endpoint=vendor.url)
    theirs = make_generation(charlie, **CHEAP)
    vendor.next(CREATE, drop)
    submit(theirs)
    lost.append(fresh(theirs))
    results = race(len(lost) * 2, lambda number: adopt(lost[number % len(lost)], task))
    assert sum(isinstance(one, Generation) for one in results) == 1
    assert {type(one) for one in results} <= {Generation, InvalidRequest, Conflict}
    assert Generation.objects.filter(upstream_id=task).count() == 1


# Looking again


def test_a_look_at_a_silent_one_polls_it_at_once(alice: Membership, vendor: Vendor) -> None:
    job = make_generation(alice, State.NEEDS_REVIEW, upstream_id=vendor.add_task())
    Generation.objects.filter(pk=job.pk).update(next_poll_at=timezone.now() + timedelta(minutes=5))
    vendor.fail(vendor.only_task)
    look_now(fresh(job), by=SYSTEM, now=timezone.now())
    poll_due()
    assert fresh(job).state == State.FAILED


def test_a_look_at_a_lost_one_checks_proposals_and_has_the_meter_read(
    lose: Lose, vendor: Vendor
) -> None:
    lost, now = lose(), timezone.now()
    later = now + timedelta(hours=1)
    lost.callbacks.create(
        proposed_id=vendor.only_task, verdict="proposed", next_check_at=later, received_at=now
    )
    ProviderKey.objects.update(next_sample_at=later)
    look_now(lost, by=SYSTEM, now=now)
    assert ProviderKey.objects.get().next_sample_at == now
    assert "check_callback" in [name for name, _ in queued()]
    run_queue("check_callback")
    assert fresh(lost).state == State.PROCESSING
    assert lost.events.filter(kind="looked", actor=SYSTEM.name).exists()


@pytest.mark.parametrize("state", [State.QUEUED, State.PROCESSING, State.COMPLETED])
def test_only_what_is_in_review_is_looked_at(alice: Membership, state: State) -> None:
    with pytest.raises(Conflict):
        look_now(make_generation(alice, state), by=SYSTEM, now=timezone.now())


@pytest.mark.parametrize("word", ["completed", "failed"])
def test_p13_a_silent_one_goes_to_its_end_by_polling_alone(
    alice: Membership, vendor: Vendor, word: str
) -> None:
    job = make_generation(alice, State.PROCESSING, upstream_id=vendor.add_task())
    Generation.objects.filter(pk=job.pk).update(accepted_at=timezone.now() - DEADLINE * 2)
    make_due(job)
    poll_due()
    assert fresh(job).review_reason == ReviewReason.SILENT
    assert books_of(alice.team).held == 70
    if word == "completed":
        vendor.finish(vendor.only_task, b"film")
    else:
        vendor.fail(vendor.only_task)
    make_due(job)
    poll_due()
    assert fresh(job).state == word
    assert books_of(alice.team).spent == (70 if word == "completed" else 0)


def test_p22_a_lost_one_has_the_meter_read_soon(lose: Lose) -> None:
    ProviderKey.objects.update(next_sample_at=timezone.now() + timedelta(hours=1))
    lose()
    at = ProviderKey.objects.get().next_sample_at
    assert at is not None
    assert at <= timezone.now() + SOON
    ProviderKey.objects.update(next_sample_at=timezone.now())
    due = ProviderKey.objects.get().next_sample_at
    lose()
    assert ProviderKey.objects.get().next_sample_at == due, "put off"


# What is known


def test_the_evidence_of_a_lost_one_is_its_story(lose: Lose, vendor: Vendor) -> None:
    lost = lose()
    lost.callbacks.create(proposed_id="forged", verdict="rejected")
    lost.callbacks.create(proposed_id="task-9", verdict="proposed", checks=2)
    [review] = reviews_of(list(in_review()), now=timezone.now())
    assert review.advice.action == Action.WAIT
    assert "task-9" in review.advice.words
    told = " ".join(f"{fact.what}: {fact.detail}" for fact in review.timeline)
    assert "Sent to the vendor: With the key" in told
    assert "Answer lost: The connection broke" in told
    assert "Proposes forged. It is not this generation's." in told


def test_p22_the_meter_says_whether_a_lost_one_was_charged(
    lose: Lose, vendor: Vendor, provider_key: ProviderKey
) -> None:
    meter = Meter()
    vendor.always(CREDITS, meter)
    clock = Clock(provider_key)
    clock.sample(-10)
    lost = lose()
    meter.charge(12)
    clock.sample(5)
    clock.sample(6)
    [review] = reviews_of(list(in_review()), now=timezone.now())
    assert review.advice.action == Action.ADOPT
    assert review.evidence.before is not None
    assert review.evidence.after is not None
    assert review.evidence.after.consumed == 12
    assert fresh(lost).state == State.NEEDS_REVIEW, "the meter decided"


def test_p22_a_meter_that_stood_still_advises_to_give_it_back(
    lose: Lose, vendor: Vendor, provider_key: ProviderKey
) -> None:
    vendor.always(CREDITS, Meter())
    clock = Clock(provider_key)
    clock.sample(-10)
    lost = lose()
    clock.sample(5)
    clock.sample(6)
    [review] = reviews_of(list(in_review()), now=timezone.now())
    assert review.advice.action == Action.RELEASE
    assert books_of(lost.team).held == 12, "the meter decided"


def test_p22_two_lost_ones_of_one_price_are_alternatives(
    lose: Lose, vendor: Vendor, provider_key: ProviderKey
) -> None:
    meter = Meter()
    vendor.always(CREDITS, meter)
    clock = Clock(provider_key)
    clock.sample(-10)
    lose(), lose()
    meter.charge(12)
    clock.sample(5)
    clock.sample(6)
    for review in reviews_of(list(in_review()), now=timezone.now()):
        assert "this or another of 2" in review.advice.words


def test_more_reviews_take_no_more_queries(lose: Lose) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            reviews_of(list(in_review()), now=timezone.now())
        return len(queries)

    lose()
    first = count()
    for _ in range(3):
        lose()
    assert count() == first


def test_members_see_their_own_and_who_decides_sees_all(
    alice: Membership, bob: Membership, charlie: Membership
) -> None:
    mine, others = (
        make_generation(bob, State.NEEDS_REVIEW),
        make_generation(alice, State.NEEDS_REVIEW),
    )
    make_generation(charlie, State.NEEDS_REVIEW)
    assert set(in_review_for(bob)) == {mine}
    assert set(in_review_for(alice)) == {mine, others}


# Telling


@pytest.fixture
def endpoint(team: Team) -> WebhookEndpoint:
    """The team's receiver of what waits in review."""
    return WebhookEndpoint.objects.create(
        team=team, url="https://client.example/hook", events=["generation.in_review"]
    )


def test_managers_are_told_once_of_what_nothing_resolved(
    lose: Lose, team: Team, alice: Membership, bob: Membership, endpoint: WebhookEndpoint
) -> None:
    lost = [lose(), lose()]
    now = timezone.now()
    assert tell_long_reviews(now=now) == 0
    assert tell_long_reviews(now=now + PATIENCE * 2) == 2
    for hours in (1, 2, 50):
        assert tell_long_reviews(now=now + timedelta(hours=hours)) == 0
    notice = Notice.objects.get()
    assert notice.title == "2 films need review: 24 credits stay held"
    assert (notice.permission, notice.path) == ("APPROVE", "/review/")
    run_queue("mail")
    assert [message.to for message in mail.outbox] == [[alice.user.email]]
    events = WebhookDelivery.objects.filter(event="generation.in_review")
    assert {one.reference for one in events} == {str(one.pk) for one in lost}


def test_a_team_that_was_told_is_told_of_the_next_one(lose: Lose) -> None:
    lose()
    later = timezone.now() + PATIENCE * 2
    assert tell_long_reviews(now=later) == 1
    lose()
    assert tell_long_reviews(now=later) == 1
    assert Notice.objects.count() == 2


def test_what_resolved_in_time_is_told_to_nobody(lose: Lose, vendor: Vendor) -> None:
    lost = lose()
    adopt(lost, vendor.only_task)
    assert tell_long_reviews(now=timezone.now() + PATIENCE * 2) == 0


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_sweeps_that_tell_at_once_tell_once(lose: Lose) -> None:
    for _ in range(3):
        lose()
    later = timezone.now() + PATIENCE * 2
    counts = race(8, lambda _n: tell_long_reviews(now=later))
    assert sorted(one for one in counts if isinstance(one, int)) == [0] * 7 + [3]
    assert Notice.objects.count() == 1


# A form's word


def test_a_decision_that_is_none_changes_nothing(lose: Lose) -> None:
    lost = lose()
    for word in ("", "perhaps", "cancel"):
        with pytest.raises(InvalidRequest):
            decide_review(lost, word, by=SYSTEM, reason="x", now=timezone.now())
    assert fresh(lost).state == State.NEEDS_REVIEW


def test_a_reason_of_any_shape_is_kept_in_one_line(lose: Lose) -> None:
    lost = lose()
    reason = "\0Support \n says " + "so " * 400
    decide_review(lost, "release", by=SYSTEM, reason=reason, now=timezone.now())
    event = AuditEvent.objects.get(action="generation.review_release")
    assert event.reason.startswith("Support says so so")
    assert len(event.reason) <= 500
