"""The inbox of what is in review, and cancelling, as administrators see and do it."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEvent, Membership, User
from billing.models import Transfer
from billing.selectors import books_of
from generations.lifecycle import ReviewReason, State
from generations.models import Generation
from generations.reports.audit import audit_site
from tests.factories import make_generation
from tests.generations.admin.steps import assert_recorded, button
from tests.generations.admin.test_admin_pages import path_of
from tests.support.submits import submit
from tests.support.vendor import CREATE, Vendor, drop

pytestmark = pytest.mark.usefixtures("provider_key")
INBOX = {"state__exact": "needs_review"}
NAMES = ("look", "adopt", "cancel", "release", "settle")


@pytest.fixture
def lost(alice: Membership, vendor: Vendor) -> Generation:
    """A generation of 70 credits that the vendor accepted while its reply was lost."""
    return lose(alice, vendor)


def lose(membership: Membership, vendor: Vendor, **inputs: Any) -> Generation:
    job = make_generation(membership, **inputs)
    vendor.next(CREATE, vendor.accepts_then(drop))
    submit(job)
    job.refresh_from_db()
    assert job.review_reason == ReviewReason.SUBMIT_UNKNOWN
    return job


def press(browser: Client, row: Generation, name: str, **typed: Any) -> Any:
    """Send a button's dialog."""
    body = {**typed, "_form_submitted": "True"}
    return browser.post(button(Generation, name, row.pk), body)


def run(browser: Client, action: str, rows: list[Generation], **typed: str) -> str:
    """Run an action of the list; return the page that follows."""
    body = {"action": action, "_selected_action": [str(row.pk) for row in rows], **typed}
    page = browser.post(path_of(Generation, "changelist"), body, follow=True)
    assert page.status_code == 200
    return page.content.decode()


def fresh(generation: Generation) -> Generation:
    return Generation.objects.select_related("hold").get(pk=generation.pk)


def test_the_inbox_says_what_the_evidence_means(browser: Client, lost: Generation) -> None:
    page = browser.get(path_of(Generation, "changelist"), INBOX).content.decode()
    assert "The usage was not read before it was sent" in page
    assert "Answer lost" in page
    index = browser.get(reverse("admin:index")).content.decode()
    assert f"{path_of(Generation, 'changelist')}?state__exact=needs_review" in index


def test_f17_the_inbox_says_that_an_answer_could_not_be_recorded(
    browser: Client, alice: Membership
) -> None:
    job = make_generation(alice, State.NEEDS_REVIEW)
    Generation.objects.filter(pk=job.pk).update(review_reason=ReviewReason.UNRECORDED)
    page = browser.get(path_of(Generation, "changelist"), INBOX).content.decode()
    assert "Not recorded" in page
    assert "The vendor has answered, and may have charged" in page


def test_a_longer_inbox_asks_no_more(
    browser: Client, lost: Generation, alice: Membership, vendor: Vendor
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(path_of(Generation, "changelist"), INBOX).status_code == 200
        return len(queries)

    count()
    first = count()
    for number in range(4):
        lose(alice, vendor, prompt=f"Another {number}")
    assert count() == first


def test_the_page_tells_the_story(browser: Client, lost: Generation) -> None:
    lost.callbacks.create(proposed_id="forged-task", verdict="rejected", sent_from="10.1.2.3")
    page = browser.get(path_of(Generation, "change", lost.pk)).content.decode()
    for words in ("Answer lost", "The connection broke", "Names the task forged-task", "10.1.2.3"):
        assert words in page


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        (State.QUEUED, {"cancel"}),
        (State.PROCESSING, {"cancel"}),
        (State.NEEDS_REVIEW, {"cancel", "look", "release", "settle"}),
        (State.COMPLETED, set()),
        (State.CANCELLED, set()),
    ],
)
def test_only_what_the_state_allows_is_offered(
    browser: Client, alice: Membership, state: State, offered: set[str]
) -> None:
    generation = make_generation(alice, state)
    page = browser.get(path_of(Generation, "change", generation.pk)).content.decode()
    shown = {name for name in NAMES if f'{button(Generation, name, generation.pk)}"' in page}
    assert shown == offered


def test_p30_an_administrator_adopts_an_id_that_the_vendor_confirms(
    browser: Client, root: User, lost: Generation, vendor: Vendor
) -> None:
    press(browser, lost, "adopt", upstream_id="made-up", reason="Console")
    assert fresh(lost).state == State.NEEDS_REVIEW
    page = browser.get(path_of(Generation, "change", lost.pk)).content.decode()
    assert "The vendor has no such task" in page
    assert press(browser, lost, "adopt", upstream_id=vendor.only_task).status_code == 200
    press(browser, lost, "adopt", upstream_id=vendor.only_task, reason="Console")
    assert (fresh(lost).state, fresh(lost).upstream_id) == (State.PROCESSING, vendor.only_task)
    assert_recorded("generation.id_adopted", root, reason="Console")


def test_an_administrator_has_the_vendor_asked_at_once(browser: Client, lost: Generation) -> None:
    press(browser, lost, "look")
    assert lost.events.filter(kind="looked").exists()


def test_p16_an_administrator_cancels_what_waits_and_wishes_for_what_does_not(
    browser: Client, root: User, alice: Membership
) -> None:
    waiting, sent = make_generation(alice), make_generation(alice, State.PROCESSING)
    for one in (waiting, sent):
        for _ in range(2):
            press(browser, one, "cancel", reason="Wrong take")
    assert fresh(waiting).state == State.CANCELLED
    assert fresh(sent).state == State.PROCESSING
    assert fresh(sent).cancel_requested_by == f"user:{root.pk}/admin"
    assert books_of(alice.team).held == 70
    assert_recorded("generation.cancelled", root, reason="Wrong take")
    assert_recorded("generation.cancel_requested", root, reason="Wrong take")
    page = browser.get(path_of(Generation, "changelist")).content.decode()
    assert "Cancel requested" in page
    requested = browser.get(
        path_of(Generation, "changelist"), {"cancel_requested_at__isempty": "0"}
    )
    assert requested.context["cl"].result_count == 1


@pytest.mark.parametrize(
    ("action", "spent", "word"),
    [
        ("release_selected", 0, "generation.review_release"),
        ("settle_selected", 140, "generation.review_settle"),
    ],
)
def test_several_doubts_are_decided_at_once_each_with_the_reason(
    browser: Client, root: User, alice: Membership, action: str, spent: int, word: str
) -> None:
    doubts = [make_generation(alice, State.NEEDS_REVIEW) for _ in range(2)]
    other = make_generation(alice, State.PROCESSING)
    assert "Enter a reason." in run(browser, action, doubts)
    assert books_of(alice.team).held == 210
    page = run(browser, action, [*doubts, other], reason="Invoice 7")
    assert "This is not in review." in page
    books = books_of(alice.team)
    assert (books.held, books.spent) == (70, spent)
    assert AuditEvent.objects.filter(action=word, reason="Invoice 7").count() == 2
    assert Transfer.objects.filter(reason__contains="Invoice 7").count() == 2
    assert list(audit_site()) == []


def test_several_are_looked_at_and_cancelled_at_once(browser: Client, alice: Membership) -> None:
    doubt, waiting = make_generation(alice, State.NEEDS_REVIEW), make_generation(alice)
    page = run(browser, "look_at_selected", [doubt, waiting])
    assert "with the vendor." in page
    assert "not in review" in page
    page = run(browser, "cancel_selected", [doubt, waiting], reason="Not needed")
    assert "credits are released" in page
    assert "only if the vendor finishes it" in page
    assert (fresh(doubt).state, fresh(waiting).state) == (State.NEEDS_REVIEW, State.CANCELLED)
