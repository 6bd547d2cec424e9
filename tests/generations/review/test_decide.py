"""What is in review is decided: by an id that a person found, or a form's word (P13, P14)."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from accounts.models import AuditEvent, Membership, Team
from billing.models import Transfer
from billing.selectors import books_of
from generations.errors import NoProviderAnswer, TaskTimeMismatch
from generations.lifecycle import State
from generations.models import Film, Generation, ProviderKey
from generations.reports.audit import audit_site
from generations.review.corrections import release_reviewed, settle_reviewed
from generations.review.decide import decide_review
from platform_site.errors import Conflict, InvalidRequest
from tests.factories import SYSTEM, make_generation, make_provider_key
from tests.support.desk import fresh
from tests.support.films import film_bytes
from tests.support.races import race
from tests.support.reviewing import Lose, adopt
from tests.support.steps import poll_due, run_queue
from tests.support.submits import submit
from tests.support.vendor import CREATE, TASKS, Reply, Vendor, drop, html, refuse
from tests.support.working import CHEAP

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


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
    ("upstream_id", "words"),
    [
        ("made-up", "has no such task"),
        ("", "not a task ID"),
        ("x" * 121, "not a task ID"),
        ("…", "has no such task"),
        ("\0.\0", "not a task ID"),
    ],
)
def test_p30_an_id_that_is_not_its_own_is_refused_in_words(
    lose: Lose, vendor: Vendor, upstream_id: str, words: str
) -> None:
    lost = lose()
    with pytest.raises(InvalidRequest, match=words) as refused:
        adopt(lost, upstream_id)
    assert refused.value.field == "upstream_id"
    assert fresh(lost).state == State.NEEDS_REVIEW
    assert not AuditEvent.objects.filter(action="generation.id_adopted").exists()


@pytest.mark.parametrize(
    ("created", "words"),
    [
        (-3600, "before this was sent"),
        (-360, "before this was sent"),
        (90_000, "long after"),
        (None, "does not say when"),
    ],
)
def test_f02_a_person_may_know_better_than_a_tasks_time(
    lose: Lose, vendor: Vendor, created: int | None, words: str
) -> None:
    lost = lose()
    assert lost.submitted_at is not None
    told = None if created is None else int(lost.submitted_at.timestamp()) + created
    task = vendor.add_task(created_at=told)
    with pytest.raises(TaskTimeMismatch, match=words) as refused:
        adopt(lost, task)
    assert refused.value.field == "despite_time"
    assert fresh(lost).state == State.NEEDS_REVIEW
    assert not AuditEvent.objects.filter(action="generation.id_adopted").exists()
    adopted = adopt(lost, task, despite_time=True)
    assert (adopted.state, adopted.upstream_id) == (State.PROCESSING, task)
    assert words in AuditEvent.objects.get(action="generation.id_adopted").data["time_mismatch"]


@pytest.mark.parametrize("behind", [3, 60, 290, -290])
def test_f02_a_vendors_clock_may_differ_by_minutes(lose: Lose, vendor: Vendor, behind: int) -> None:
    lost = lose()
    assert lost.submitted_at is not None
    task = vendor.add_task(created_at=int(lost.submitted_at.timestamp()) - behind)
    assert adopt(lost, task).upstream_id == task


def test_f02_knowing_better_about_time_takes_no_task_of_anothers(
    lose: Lose, alice: Membership, vendor: Vendor
) -> None:
    lost = lose()
    make_generation(alice, State.PROCESSING, upstream_id=vendor.only_task)
    with pytest.raises(InvalidRequest, match="another generation"):
        adopt(lost, vendor.only_task, despite_time=True)


@pytest.mark.parametrize(
    "pasted", ["\u200b{}\n", '"taskId": "{}",', "https://api.vendor.example/v1/tasks/{}/?page=1"]
)
def test_f11_what_surrounds_a_found_id_is_ignored(lose: Lose, vendor: Vendor, pasted: str) -> None:
    assert adopt(lose(), pasted.format(vendor.only_task)).upstream_id == vendor.only_task


def test_f12_a_reason_of_nothing_visible_is_none(lose: Lose, vendor: Vendor) -> None:
    lost = lose()
    with pytest.raises(InvalidRequest, match="Enter a reason"):
        adopt(lost, vendor.only_task, reason="\u200b\ufeff")
    assert fresh(lost).state == State.NEEDS_REVIEW


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
    assert list(audit_site()) == []


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
