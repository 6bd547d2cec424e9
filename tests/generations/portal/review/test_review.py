"""The review page and cancelling in the portal: who sees and does what, and in what words."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.authority import By
from accounts.models import Membership
from billing.selectors import books_of
from generations.dispatch.cancel import cancel_generation
from generations.lifecycle import ReviewReason, State
from generations.models import Generation
from generations.polling.outcome import complete
from generations.review.corrections import settle_reviewed
from generations.vendors import TaskReport, TaskStatus
from tests.factories import SYSTEM, make_generation
from tests.generations.portal.conftest import SignIn
from tests.support.submits import submit
from tests.support.vendor import CREATE, TASKS, Vendor, drop, html

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def lost(bob: Membership, vendor: Vendor, sign_in: SignIn) -> Generation:
    """Bob's film that the vendor accepted while its reply was lost."""
    job = make_generation(bob, prompt="A heron <b>waits</b>")
    vendor.next(CREATE, vendor.accepts_then(drop))
    submit(job)
    job.refresh_from_db()
    assert job.review_reason == ReviewReason.SUBMIT_UNKNOWN
    return job


def fresh(generation: Generation) -> Generation:
    return Generation.objects.select_related("hold").get(pk=generation.pk)


def flat(content: bytes) -> str:
    return " ".join(content.decode().split())


# Review


def test_who_decides_sees_the_evidence_and_gives_the_credits_back(
    manager: Membership, lost: Generation, sign_in: SignIn
) -> None:
    client = sign_in(manager)
    page = flat(client.get("/review/").content)
    assert "A heron &lt;b&gt;waits&lt;/b&gt;" in page
    assert "The connection broke before the whole answer came" in page
    assert "The usage was not read before it was sent" in page
    assert "1 in review</span>" in page
    form = {"decision": "release", "reason": "Not in the console"}
    assert client.post(f"/generations/{lost.pk}/review/", form)["Location"] == "/review/"
    assert (fresh(lost).state, books_of(lost.team).held) == (State.FAILED, 0)
    page = flat(client.get("/review/").content)
    assert "Nothing to review" in page
    assert "Not in the console" in page
    assert "Released" in page


def test_p30_a_found_id_is_checked_and_what_was_typed_stays_when_it_is_wrong(
    manager: Membership, lost: Generation, sign_in: SignIn, vendor: Vendor
) -> None:
    client, path = sign_in(manager), f"/generations/{lost.pk}/review/"
    form = {"decision": "adopt", "reason": "Console", "upstream_id": "made-<up>"}
    reply = client.post(path, form)
    assert reply.status_code == 400
    page = reply.content.decode()
    assert "The vendor has no such task" in page
    assert 'value="made-&lt;up&gt;"' in page
    assert 'value="Console"' in page
    vendor.next(f"{TASKS}{vendor.only_task}", html(502))
    reply = client.post(path, {**form, "upstream_id": vendor.only_task})
    assert (reply.status_code, fresh(lost).state) == (503, State.NEEDS_REVIEW)
    assert client.post(path, {**form, "upstream_id": vendor.only_task}).status_code == 302
    assert fresh(lost).state == State.PROCESSING


def test_f02_a_tasks_time_can_be_overruled_where_it_was_refused(
    manager: Membership, lost: Generation, sign_in: SignIn, vendor: Vendor
) -> None:
    client, path = sign_in(manager), f"/generations/{lost.pk}/review/"
    form = {"decision": "adopt", "reason": "Console", "upstream_id": vendor.add_task(created_at=9)}
    assert "despite_time" not in client.get("/review/").content.decode()
    reply = client.post(path, form)
    assert reply.status_code == 400
    assert 'name="despite_time"' in reply.content.decode()
    assert client.post(path, {**form, "despite_time": "on"}).status_code == 302
    assert fresh(lost).upstream_id == form["upstream_id"]


@pytest.mark.parametrize(
    "form", [{}, {"decision": "release"}, {"decision": "settle", "reason": " "}, {"decision": "x"}]
)
def test_an_unfinished_decision_is_refused_beside_its_film(
    manager: Membership, lost: Generation, sign_in: SignIn, form: dict[str, str]
) -> None:
    reply = sign_in(manager).post(f"/generations/{lost.pk}/review/", form)
    assert (reply.status_code, fresh(lost).state) == (400, State.NEEDS_REVIEW)
    assert f'id="error-{lost.pk}"' in reply.content.decode()


def test_members_see_their_own_without_deciding(
    bob: Membership, alice: Membership, lost: Generation, sign_in: SignIn
) -> None:
    other = make_generation(alice, State.NEEDS_REVIEW, prompt="Of somebody else")
    client = sign_in(bob)
    page = client.get("/review/").content.decode()
    assert "A heron" in page
    assert "Of somebody else" not in page
    assert "Release credits" not in page
    form = {"decision": "release", "reason": "Mine"}
    assert client.post(f"/generations/{lost.pk}/review/", form).status_code == 403
    assert client.post(f"/generations/{lost.pk}/look/")["Location"] == "/review/"
    assert lost.events.filter(kind="looked").exists()
    client.post(f"/generations/{other.pk}/look/")
    assert not other.events.filter(kind="looked").exists()


def test_p32_strangers_and_viewers_review_nothing(
    charlie: Membership, viewer: Membership, lost: Generation, sign_in: SignIn
) -> None:
    client = sign_in(charlie)
    form = {"decision": "release", "reason": "x"}
    for one in (lost.pk, "6a0e8b3c-0c2d-4a55-9b93-2f3c8f3bb1f2", "x"):
        for verb in ("review", "look", "cancel"):
            assert client.post(f"/generations/{one}/{verb}/", form).status_code == 404
    assert "A heron" not in client.get("/review/").content.decode()
    for path in ("/review/", f"/generations/{lost.pk}/review/", f"/generations/{lost.pk}/look/"):
        reply = sign_in(viewer).post(path, form) if "gen" in path else sign_in(viewer).get(path)
        assert reply.status_code == 403
    assert fresh(lost).state == State.NEEDS_REVIEW


def test_a_film_that_was_counted_as_spent_says_so(
    bob: Membership, lost: Generation, sign_in: SignIn
) -> None:
    settle_reviewed(lost, by=SYSTEM, reason="Invoice 7", now=timezone.now())
    page = flat(sign_in(bob).get(f"/generations/{lost.pk}/").content)
    assert "Invoice 7. 70 credits spent." in page
    assert "70 credits released" not in page


# Cancel


def test_p16_a_waiting_film_is_cancelled_from_its_page(bob: Membership, sign_in: SignIn) -> None:
    job, client = make_generation(bob), sign_in(bob)
    page = flat(client.get(f"/generations/{job.pk}/").content)
    assert "Its 70 credits are released now." in page
    assert client.post(f"/generations/{job.pk}/cancel/")["Location"] == f"/generations/{job.pk}/"
    page = flat(client.get(f"/generations/{job.pk}/").content)
    assert "Cancelled before it was sent. 70 credits released." in page
    assert "Cancel this film?" not in page


def test_p16_a_sent_film_says_honestly_what_a_wish_does(bob: Membership, sign_in: SignIn) -> None:
    job, client = make_generation(bob, State.PROCESSING), sign_in(bob)
    page = flat(client.get(f"/generations/{job.pk}/").content)
    assert "The vendor cannot be stopped" in page
    assert "Cancel this film?" not in page
    client.post(f"/generations/{job.pk}/cancel/")
    for path in (f"/generations/{job.pk}/", "/"):
        page = flat(client.get(path).content)
        assert "bob@studio.example asked to cancel it. The vendor cannot be stopped" in page
        assert "Ask to cancel" not in page
    done = TaskReport(id=job.upstream_id or "", status=TaskStatus.COMPLETED, urls=())
    assert complete(fresh(job), done, now=timezone.now())
    page = flat(client.get(f"/generations/{job.pk}/").content)
    assert "asked to cancel it, but the vendor finished it" in page


def test_a_page_with_a_feed_is_told_in_words_what_cancelling_did(
    bob: Membership, sign_in: SignIn
) -> None:
    job, other = make_generation(bob), make_generation(bob, State.PROCESSING)
    client = sign_in(bob)
    reply = client.post(f"/generations/{job.pk}/cancel/", headers=HTMX)
    assert (reply.status_code, reply.content) == (204, b"")
    assert "Film cancelled: 70 credits released." in reply["HX-Trigger"]
    reply = client.post(f"/generations/{other.pk}/cancel/", headers=HTMX)
    assert "The vendor cannot be stopped" in reply["HX-Trigger"]


def test_what_ended_is_refused_in_words(bob: Membership, sign_in: SignIn) -> None:
    job, client = make_generation(bob, State.COMPLETED), sign_in(bob)
    reply = client.post(f"/generations/{job.pk}/cancel/")
    assert reply.status_code == 409
    assert "completed already" in reply.content.decode()
    reply = client.post(f"/generations/{job.pk}/cancel/", headers=HTMX)
    assert "completed already" in reply["HX-Trigger"]


def test_members_cancel_their_own_and_managers_everybodys(
    alice: Membership, bob: Membership, manager: Membership, sign_in: SignIn
) -> None:
    job = make_generation(alice)
    page = sign_in(bob).get("/").content.decode()
    assert f"/generations/{job.pk}/cancel/" not in page
    assert sign_in(bob).post(f"/generations/{job.pk}/cancel/").status_code == 403
    assert sign_in(manager).post(f"/generations/{job.pk}/cancel/").status_code == 302
    assert fresh(job).state == State.CANCELLED


def test_all_of_ones_waiting_films_are_cancelled_at_once(
    alice: Membership, bob: Membership, sign_in: SignIn
) -> None:
    mine = [make_generation(bob) for _ in range(3)]
    sent, others = make_generation(bob, State.PROCESSING), make_generation(alice)
    client = sign_in(bob)
    assert "Cancel my 3 waiting" in client.get("/").content.decode()
    reply = client.post("/studio/cancel/", headers=HTMX)
    assert "3 films cancelled" in reply["HX-Trigger"]
    assert {fresh(one).state for one in mine} == {State.CANCELLED}
    assert (fresh(sent).cancel_requested_at, fresh(others).state) == (None, State.QUEUED)
    assert "Cancel my" not in client.get("/").content.decode()


def test_a_look_at_what_resolved_meanwhile_leads_to_its_film(
    bob: Membership, sign_in: SignIn
) -> None:
    job = make_generation(bob, State.PROCESSING, now=timezone.now() - timedelta(hours=1))
    reply = sign_in(bob).post(f"/generations/{job.pk}/look/")
    assert reply["Location"] == f"/generations/{job.pk}/"


def test_wishes_of_many_people_cost_the_panel_no_more_queries(
    manager: Membership, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in(manager)

    def requested(count: int) -> None:
        for _ in range(count):
            job = make_generation(manager, State.PROCESSING, duration=4, resolution="480p")
            cancel_generation(job, by=By.member(manager), now=timezone.now())

    requested(1)
    client.get("/feed/?view=studio")  # what is learnt once
    with CaptureQueriesContext(connection) as few:
        client.get("/feed/?view=studio")
    requested(5)
    with django_assert_num_queries(len(few)):
        page = client.get("/feed/?view=studio").content.decode()
    assert page.count(f"{manager.user.email} asked to cancel it") == 6
