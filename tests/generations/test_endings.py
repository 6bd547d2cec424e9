"""How a generation ended, and by whom, is stored: no error code of the vendor's says it (F15)."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Membership
from billing.selectors import books_of
from generations.approvals.service import deny, expire_approvals, set_threshold
from generations.dispatch.cancel import cancel_generation
from generations.lifecycle import ENDED_BY_VENDOR, ENDINGS, TERMINAL, Ending, State, state_of
from generations.models import Generation
from generations.portal.words import reason_of
from generations.provider_keys.service import delete_provider_key
from generations.reports.audit import audit_site
from generations.review.adopt import lacks_id, may_still_come
from generations.review.corrections import release_reviewed, settle_reviewed
from generations.review.evidence import decided_lately
from generations.task_object import task_object
from platform_site.errors import Conflict
from tests.factories import SYSTEM, make_generation
from tests.support.sending import send_now
from tests.support.steps import make_due, poll_due
from tests.support.vendor import CREATE, Vendor, refuse
from tests.support.working import CHEAP, working

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.both_databases,
    pytest.mark.usefixtures("provider_key"),
]

End = Callable[..., Generation]
OURS = sorted(set(Ending) - ENDED_BY_VENDOR)
MODERATED = "The vendor’s moderation refused it: reword the prompt or change the frames."


def fresh(job: Generation) -> Generation:
    return Generation.objects.select_related("hold", "team", "provider_key").get(pk=job.pk)


def code_of(job: Generation) -> str:
    """Return the code that clients read."""
    code: str = task_object(fresh(job))["error"]["code"]
    return code


def failed_by_vendor(
    alice: Membership, vendor: Vendor, code: str, message: str = "No."
) -> Generation:
    job = working(alice, vendor, **CHEAP)
    vendor.fail(job.upstream_id or "", code, message)
    make_due(job)
    poll_due()
    return fresh(job)


def refused_by_vendor(
    alice: Membership, vendor: Vendor, code: str, message: str = "No."
) -> Generation:
    job = make_generation(alice, **CHEAP)
    vendor.next(CREATE, refuse(400, code, message))
    send_now()
    return fresh(job)


@pytest.mark.parametrize("code", OURS)
@pytest.mark.parametrize(
    ("end", "ending"),
    [(failed_by_vendor, Ending.FAILED), (refused_by_vendor, Ending.REFUSED)],
    ids=["failed", "refused"],
)
def test_f15_f17_the_vendors_code_is_no_persons_decision(
    alice: Membership, vendor: Vendor, end: End, ending: Ending, code: str
) -> None:
    job = end(alice, vendor, code)
    assert (job.state, job.ending, job.error_code) == (State.FAILED, ending, code)
    assert code_of(job) == code
    assert not decided_lately(alice).exists()
    assert not lacks_id(job)
    assert not may_still_come(job, now=timezone.now())
    with pytest.raises(Conflict, match="failed already"):
        cancel_generation(job, by=SYSTEM, now=timezone.now())
    delete_provider_key(job.provider_key, by=SYSTEM)
    assert fresh(job).provider_key.secret_token == ""
    assert books_of(alice.team).held == 0
    assert list(audit_site()) == []


@pytest.mark.parametrize("code", OURS)
def test_f15_a_vendors_failure_that_cost_is_found_whatever_its_code(
    alice: Membership, vendor: Vendor, code: str
) -> None:
    job = failed_by_vendor(alice, vendor, code)
    type(job.hold).objects.filter(pk=job.hold_id).update(released=0, settled=job.credits)
    assert "unreleased" in {finding.rule for finding in audit_site()}


def test_f15_what_people_end_is_its_own_code(alice: Membership) -> None:
    now = timezone.now()
    ended = {}
    ended["cancelled"] = make_generation(alice)
    cancel_generation(ended["cancelled"], by=SYSTEM, now=now)
    ended["decided_in_review"] = make_generation(alice, State.NEEDS_REVIEW)
    release_reviewed(ended["decided_in_review"], by=SYSTEM, reason="The support said so", now=now)
    set_threshold(team=alice.team, above=0, by=SYSTEM)
    ended["approval_denied"] = make_generation(alice)
    deny(ended["approval_denied"], by=SYSTEM, now=now)
    ended["approval_expired"] = make_generation(alice)
    expire_approvals(now=now + timedelta(days=4))
    assert {name: fresh(job).ending for name, job in ended.items()} == {
        name: name for name in sorted(ended)
    }
    assert {name: code_of(job) for name, job in ended.items()} == {
        name: name for name in sorted(ended)
    }
    assert list(decided_lately(alice)) == [fresh(ended["decided_in_review"])]
    cancel_generation(
        fresh(ended["cancelled"]), by=SYSTEM, now=now
    )  # a second time changes nothing
    assert sorted(ended) == OURS
    assert list(audit_site()) == []


@pytest.mark.parametrize("end", [failed_by_vendor, refused_by_vendor])
@pytest.mark.parametrize(
    "message",
    ["The input contains sensitive or prohibited content", "PROHIBITED.", "It is too Sensitive"],
)
def test_f15_the_vendors_moderation_is_stored_where_its_answer_is_read(
    alice: Membership, vendor: Vendor, end: End, message: str
) -> None:
    job = end(alice, vendor, "upstream_error", message)
    assert (job.ending, job.error_code) == (Ending.MODERATED, "upstream_error")
    assert job.error_message == message
    assert reason_of(job) == MODERATED


@pytest.mark.parametrize("decide", [release_reviewed, settle_reviewed])
def test_f15_a_persons_words_are_no_moderation(
    alice: Membership, decide: Callable[..., None]
) -> None:
    job = make_generation(alice, State.NEEDS_REVIEW)
    decide(job, by=SYSTEM, reason="A sensitive customer, so we pay", now=timezone.now())
    assert fresh(job).ending == Ending.DECIDED_IN_REVIEW
    assert reason_of(fresh(job)) == "A sensitive customer, so we pay."


def test_f15_each_ending_leads_to_one_state() -> None:
    assert set(ENDINGS) == TERMINAL
    assert sorted(ending for endings in ENDINGS.values() for ending in endings) == sorted(Ending)
    assert {ending: state_of(ending) for ending in ENDINGS[State.CANCELLED]} == dict.fromkeys(
        ENDINGS[State.CANCELLED], State.CANCELLED
    )


@pytest.mark.parametrize("state", [State.QUEUED, State.FAILED, State.CANCELLED, State.COMPLETED])
def test_f15_the_database_holds_endings_to_their_states(alice: Membership, state: State) -> None:
    job = make_generation(alice, state)
    fits = {"", *ENDINGS[state]} if state in ENDINGS else {""}
    for wrong in sorted({"", *Ending.values} - (fits if state == State.QUEUED else fits - {""})):
        with pytest.raises(IntegrityError), transaction.atomic():
            Generation.objects.filter(pk=job.pk).update(ending=wrong)
