"""The page of one generation in each of its states, and who may see it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership
from accounts.roles import Role
from billing.subjects import Subject
from generations.lifecycle import EventKind, State
from generations.models import Film, Generation, ProviderKey, Upload
from generations.portal.words import timeline_of
from generations.transitions import record_event
from tests.factories import SYSTEM, make_api_key, make_generation, make_limit, make_member
from tests.generations.portal.conftest import SignIn

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def page_of(client: Client, generation: Generation) -> str:
    reply = client.get(f"/generations/{generation.id}/")
    assert reply.status_code == 200
    return reply.content.decode().replace("&#x27;", "'")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.QUEUED, "It is sent to the vendor in a moment."),
        (State.SUBMITTING, "On its way to the vendor."),
        (State.PROCESSING, "The vendor is rendering the film."),
        (State.NEEDS_REVIEW, "70 credits stay held until the vendor answers"),
        (State.FAILED, "The vendor said no. 70 credits released."),
        (State.CANCELLED, "70 credits released."),
        (State.COMPLETED, "The vendor charged for it."),
    ],
)
def test_every_state_is_told_in_honest_words(
    alice: Membership, sign_in: SignIn, state: State, words: str
) -> None:
    page = page_of(sign_in(alice), make_generation(alice, state))
    assert words in page
    assert "%" not in page.partition("What happened")[0].partition('<div class="stage')[2]


def test_p38_where_there_is_no_history_nothing_is_promised(
    alice: Membership, sign_in: SignIn
) -> None:
    make_generation(alice, State.COMPLETED, duration=4)
    running = make_generation(alice, State.PROCESSING)
    page = page_of(sign_in(alice), running)
    assert "There is no history yet for 5 s at 720p." in page


def test_p38_elapsed_time_stands_against_our_own_history(
    alice: Membership, sign_in: SignIn
) -> None:
    now = timezone.now()
    for seconds in (40, 60, 100):
        done = make_generation(alice, State.COMPLETED, duration=4)
        accepted_at = now - timedelta(seconds=seconds)
        Generation.objects.filter(pk=done.pk).update(accepted_at=accepted_at, ended_at=now)
    client, running = sign_in(alice), make_generation(alice, State.PROCESSING, duration=4)
    clock = client.get(f"/generations/{running.id}/").context["shown"].clock
    assert (clock.expectation.p50, clock.expectation.p90) == (60, 100)
    assert not clock.is_late
    Generation.objects.filter(pk=running.pk).update(accepted_at=now - timedelta(seconds=125))
    assert "Slower than 9 in 10 of your last 3 similar films" in page_of(client, running)


def test_a_kept_film_has_its_player_and_its_links(alice: Membership, sign_in: SignIn) -> None:
    generation = make_generation(alice, State.COMPLETED)
    token = generation.film.token
    page = page_of(sign_in(alice), generation)
    for link in (f"{token}.mp4", f"{token}.mp4?download", f"{token}.jpg", f"{token}-last.jpg"):
        assert f"/films/{link}" in page
    assert f"http://dailies.test/films/{token}.mp4" in page  # to be copied


def test_a_lost_film_says_so_and_that_it_was_charged(alice: Membership, sign_in: SignIn) -> None:
    generation = make_generation(alice, State.COMPLETED)
    Film.objects.filter(pk=generation.pk).update(state="given_up", problem="The link had died.")
    page = page_of(sign_in(alice), generation)
    assert "Film lost" in page
    assert "The link had died. The vendor charged for it, so the credits are spent." in page
    assert "<video" not in page


def test_the_page_names_the_key_and_the_price(alice: Membership, sign_in: SignIn) -> None:
    issued = make_api_key(alice, label="Render farm")
    generation = make_generation(alice, submission={"api_key": issued.key})
    page = page_of(sign_in(alice), generation)
    assert "Render farm" in page
    assert issued.key.last4 in page
    assert issued.text not in page
    assert "14/s × 5 s" in page


def test_p32_a_strangers_generation_reads_like_an_unknown_one(
    alice: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    generation = make_generation(alice, State.FAILED)
    client = sign_in(charlie)
    for path in ("", "retry/", "extend/"):
        bodies = set()
        for unknown in (generation.id, uuid4(), "nonsense"):
            url = f"/generations/{unknown}/{path}"
            reply = client.post(url) if path else client.get(url)
            assert reply.status_code == 404
            bodies.add(reply.content.partition(b"<main")[2])
        assert len(bodies) == 1
    assert Generation.objects.filter(team=charlie.team).count() == 0


def test_a_link_into_another_team_of_ones_own_opens_there(
    alice: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    theirs = make_generation(charlie)
    make_member(charlie.team, Role.VIEWER, user=alice.user)
    reply = sign_in(alice).get(f"/generations/{theirs.id}/")
    assert reply.status_code == 200
    assert reply.context["membership"].team == charlie.team


def test_p15_a_retry_is_a_new_generation_linked_to_the_first(
    alice: Membership, sign_in: SignIn
) -> None:
    failed = make_generation(alice, State.FAILED, duration=4)
    client, form = sign_in(alice), {"idempotency_key": "once"}
    replies = [client.post(f"/generations/{failed.id}/retry/", form) for _ in range(2)]
    again = Generation.objects.get(retry_of=failed)
    assert {reply["Location"] for reply in replies} == {f"/generations/{again.id}/"}
    assert (again.credits, again.body, again.upstream_id) == (failed.credits, failed.body, None)
    assert again.hold_id != failed.hold_id


def test_p34_a_refused_retry_explains_itself(alice: Membership, sign_in: SignIn) -> None:
    failed = make_generation(alice, State.FAILED)
    make_limit(Subject("team", str(alice.team.pk)), 10, team=alice.team)
    reply = sign_in(alice).post(f"/generations/{failed.id}/retry/")
    assert (reply.context["refusal"].scope, reply.context["refusal"].left) == ("team", 10)


@pytest.mark.parametrize("path", ["retry/", "extend/"])
def test_a_viewer_sees_the_film_and_cannot_spend(
    alice: Membership, viewer: Membership, sign_in: SignIn, path: str
) -> None:
    generation = make_generation(alice, State.FAILED)
    client = sign_in(viewer)
    page = page_of(client, generation)
    assert "Try again" not in page
    assert "Remix" not in page
    assert client.post(f"/generations/{generation.id}/{path}").status_code == 403
    assert Generation.objects.count() == 1


def test_a_film_is_continued_from_its_last_frame(alice: Membership, sign_in: SignIn) -> None:
    generation = make_generation(alice, State.COMPLETED)
    client = sign_in(alice)
    reply = client.post(f"/generations/{generation.id}/extend/", follow=True)
    draft, upload = reply.context["draft"], Upload.objects.get()
    assert upload.token in draft.first_frame
    assert draft.remix_of == str(generation.id)


@pytest.mark.parametrize(
    ("path", "needed"),
    [
        ("/generations/{}/cancel/", "create films"),
        ("/generations/{}/keep/", "create films"),
        ("/generations/{}/priority/", "create films"),
        ("/generations/{}/retry/", "create films"),
        ("/generations/{}/favourite/", "create films"),
        ("/generations/{}/decision/", "approve and deny films"),
        ("/budgets/limits/", "create films"),
        ("/budgets/approvals/own/", "let managers approve their own films"),
        ("/projects/", "set spend limits"),
    ],
)
def test_f17_a_role_that_lacks_a_permission_is_told_so_and_who_can_help(
    alice: Membership, viewer: Membership, sign_in: SignIn, path: str, needed: str
) -> None:
    done = make_generation(alice, State.COMPLETED)
    reply = sign_in(viewer).post(path.format(done.pk), {"team": viewer.team.slug})
    assert reply.status_code == 403
    page = " ".join(reply.content.decode().split())
    assert (
        f"Your role, viewer, does not allow this. It takes permission to {needed}. "
        "An administrator can change your role." in page
    )


def test_what_has_no_film_cannot_be_continued(alice: Membership, sign_in: SignIn) -> None:
    generation = make_generation(alice, State.FAILED)
    reply = sign_in(alice).post(f"/generations/{generation.id}/extend/")
    assert reply.status_code == 409
    assert b"no last frame to continue from" in reply.content


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("No whole answer: RemoteProtocolError.", "No whole answer."),
        ("Not reached: ConnectTimeout.", "Not reached."),
        ("The vendor refused: upstream_error: The input is odd.", "refused: The input is odd."),
        ("The vendor refused: timeout: Too slow.", "refused: Too slow."),
    ],
)
def test_f12_the_timeline_has_no_codes_and_no_names_of_classes(
    message: str, shown: str, alice: Membership, provider_key: ProviderKey
) -> None:
    generation = make_generation(alice, State.NEEDS_REVIEW)
    record_event(generation, EventKind.LOOKED, by=SYSTEM, message=message)
    assert timeline_of(generation)[-1].note.endswith(shown)
