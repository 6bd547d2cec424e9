"""What a page that stays open is sent: nothing, or the parts that are out of date."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership, WebhookDelivery
from generations.dispatch.cancel import cancel_generation
from generations.lifecycle import State
from generations.models import Approval, Generation
from generations.portal.feed.waits import IDLE, LIVE, STUCK
from tests.factories import SYSTEM, fund, make_generation, make_member
from tests.generations.portal.conftest import SignIn

pytestmark = pytest.mark.django_db
CHEAP: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False}
STUDIO = "/feed/?view=studio"


@pytest.fixture(autouse=True)
def young_minute() -> Iterator[None]:
    """Begin at a full minute: what the studio says of waits changes with the next one."""
    with time_machine.travel(timezone.now().replace(second=0, microsecond=0), tick=True):
        yield


def look(client: Client, path: str = STUDIO, version: str = "") -> Any:
    return client.get(path, headers={"If-None-Match": version} if version else {})


def version_on(client: Client, path: str) -> str:
    """Return the version that a page says it shows."""
    page = client.get(path).content.decode()
    found = re.search('data-version="(.*?)"', page)
    assert found
    return found[1].replace("&quot;", '"')


def row_for(view: str, bob: Membership) -> Generation | WebhookDelivery:
    """Return the row that a page of this kind is about; the others are about none."""
    if view == "delivery":
        url = "https://hooks.example/"
        return WebhookDelivery.objects.create(team=bob.team, url=url, event="webhook.test")
    return make_generation(bob)


def ids_in(reply: Any) -> list[str]:
    return re.findall(r'id="active-([0-9a-f-]{36})"', reply.content.decode())


@pytest.mark.parametrize("view", ["studio", "film", "header", "delivery"])
def test_f13_a_page_that_is_up_to_date_is_sent_nothing(
    bob: Membership, manager: Membership, sign_in: SignIn, view: str
) -> None:
    client = sign_in(manager)
    path = f"/feed/?view={view}&id={row_for(view, bob).pk}"
    first = look(client, path)
    assert (first.status_code, bool(first.content)) == (200, True)
    again = look(client, path, first["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert again["X-Dailies-Team"] == bob.team.slug
    assert "no-store" in again["Cache-Control"]
    fund(bob.team, 5)
    assert look(client, path, first["ETag"]).status_code == 200


def test_f13_a_page_says_which_version_it_shows(bob: Membership, sign_in: SignIn) -> None:
    client, generation = sign_in(bob), make_generation(bob)
    film = f"/generations/{generation.pk}/"
    for page, path in (("/", STUDIO), (film, f"/feed/?view=film&id={generation.pk}")):
        assert look(client, path, version_on(client, page)).status_code == 304


@pytest.mark.parametrize("view", ["studio", "film", "header", "delivery"])
def test_f13_a_poll_without_news_costs_one_query_beside_who_asks(
    bob: Membership, manager: Membership, sign_in: SignIn, view: str
) -> None:
    client = sign_in(manager)
    for _ in range(5):
        make_generation(bob, State.PROCESSING, **CHEAP)
    path = f"/feed/?view={view}&id={row_for(view, bob).pk}"
    version = look(client, path)["ETag"]
    with CaptureQueriesContext(connection) as queries:
        assert look(client, path, version).status_code == 304
    asked = [query["sql"] for query in queries if not query["sql"].startswith(("BEGIN", "COMMIT"))]
    who = ("django_session", '"accounts_user"."id" =', "accounts_membership")
    assert len([sql for sql in asked if not any(table in sql for table in who)]) == 1


def test_f13_only_the_parts_that_changed_are_sent(bob: Membership, sign_in: SignIn) -> None:
    client, done = sign_in(bob), make_generation(bob, State.COMPLETED)
    queued = make_generation(bob)
    version = look(client)["ETag"]
    fund(bob.team, 5)
    header = look(client, version=version)
    page = header.content.decode()
    assert 'id="wallet-sum"' in page
    assert 'id="active"' not in page
    assert f"tile-{done.pk}" not in page
    cancel_generation(queued, by=SYSTEM, now=timezone.now())
    page = look(client, version=header["ETag"]).content.decode()
    assert f"tile-{queued.pk}" in page
    assert 'id="active"' in page


def test_films_of_the_whole_team_come_of_themselves(
    alice: Membership, bob: Membership, sign_in: SignIn
) -> None:
    client = sign_in(bob)
    version = look(client)["ETag"]
    kept = make_generation(alice, State.COMPLETED)
    assert f"tile-{kept.pk}" in look(client, version=version).content.decode()


def test_f4_all_that_is_in_progress_is_counted_and_can_be_reached(
    bob: Membership, sign_in: SignIn
) -> None:
    fund(bob.team, 10_000)
    made = [make_generation(bob, State.PROCESSING, **CHEAP) for _ in range(56)]
    client = sign_in(bob)
    page = client.get("/").content.decode()
    assert '<span class="room-count">56</span>' in page
    assert " ".join(page.split()).count("Show all 56 </a>") == 1
    assert len(ids_in(look(client))) == 6
    every = look(client, f"{STUDIO}&rows=56")
    assert set(ids_in(every)) == {str(one.pk) for one in made}
    assert "Show fewer" in every.content.decode()
    assert set(ids_in(client.get("/?rows=56"))) == {str(one.pk) for one in made}
    for nonsense in ("-1", "x", "9" * 40, "²"):
        assert len(ids_in(look(client, f"{STUDIO}&rows={nonsense}"))) == 6


def test_own_films_come_first_and_each_says_whose_it_is(
    alice: Membership, bob: Membership, sign_in: SignIn
) -> None:
    own = make_generation(bob, **CHEAP)
    others = [make_generation(alice, **CHEAP) for _ in range(7)]
    reply = look(sign_in(bob))
    assert ids_in(reply)[:3] == [str(own.pk), str(others[6].pk), str(others[5].pk)]
    page = " ".join(reply.content.decode().split())
    assert "<span> You </span>" in page
    assert f"<span> <bdi>{alice.user.get_full_name()}</bdi> </span>" in page
    assert "1 yours" in page


def test_f13_an_overdue_film_says_what_happens_next_and_when(
    bob: Membership, sign_in: SignIn
) -> None:
    now = timezone.now()
    for seconds in (40, 60, 100):
        done = make_generation(bob, State.COMPLETED, **CHEAP)
        accepted_at = now - timedelta(seconds=seconds)
        Generation.objects.filter(pk=done.pk).update(accepted_at=accepted_at, ended_at=now)
    late = make_generation(bob, State.PROCESSING, **CHEAP)
    accepted_at = now - timedelta(minutes=20)
    Generation.objects.filter(pk=late.pk).update(accepted_at=accepted_at)
    page = " ".join(look(sign_in(bob)).content.decode().split())
    assert "is-late" in page
    asked_until = f"{timezone.localtime(accepted_at + timedelta(hours=2)):%H:%M %Z}"
    assert f"We ask until {asked_until}, then a manager decides." in page


def test_what_awaits_approval_says_until_when(bob: Membership, sign_in: SignIn) -> None:
    generation = make_generation(bob)
    Generation.objects.filter(pk=generation.pk).update(state=State.AWAITING_APPROVAL)
    expires_at = timezone.now() + timedelta(days=2)
    Approval.objects.create(generation=generation, above=5, expires_at=expires_at)
    local = timezone.localtime(expires_at)
    page = " ".join(look(sign_in(bob)).content.decode().split())
    assert f"Without a decision by {local.day} {local:%b, %H:%M %Z} it is cancelled" in page


def test_f13_the_next_look_is_sooner_the_more_is_about_to_change(
    bob: Membership, sign_in: SignIn
) -> None:
    client = sign_in(bob)

    def wait(path: str = STUDIO) -> int:
        return int(look(client, path)["X-Dailies-Wait"])

    assert (wait(), wait("/feed/")) == (IDLE, STUCK)
    assert 60 // IDLE <= 4
    generation = make_generation(bob, State.PROCESSING)
    film = f"/feed/?view=film&id={generation.pk}"
    assert (wait(), wait(film)) == (LIVE, LIVE)
    accepted_at = timezone.now() - timedelta(hours=1)
    Generation.objects.filter(pk=generation.pk).update(accepted_at=accepted_at)
    assert (wait(), wait(film)) == (STUCK, STUCK)
    done = make_generation(bob, State.COMPLETED)
    assert wait(f"/feed/?view=film&id={done.pk}") == STUCK


def test_a_page_asks_for_what_it_missed_whatever_its_version(
    bob: Membership, sign_in: SignIn
) -> None:
    client, done = sign_in(bob), make_generation(bob, State.FAILED)
    version = look(client)["ETag"]
    reply = look(client, f"{STUDIO}&ended={done.pk},nonsense", version)
    missed = reply.content.decode().partition('id="missed"')[2]
    assert f"tile-{done.pk}" in missed


def test_p32_the_feed_shows_strangers_nothing(
    bob: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    theirs, running = make_generation(charlie, State.COMPLETED), make_generation(charlie)
    client = sign_in(bob)
    page = look(client, f"{STUDIO}&ended={theirs.pk}").content.decode()
    assert str(theirs.pk) not in page
    assert str(running.pk) not in page
    paths = [f"/feed/?view=film&id={one}" for one in (theirs.pk, running.pk, "nonsense", "")]
    delivery = row_for("delivery", charlie)
    paths += [f"/feed/?view=delivery&id={one}" for one in ("nonsense", "")]
    assert {look(client, path).status_code for path in paths} == {404}
    assert look(sign_in(bob), f"/feed/?view=delivery&id={delivery.pk}").status_code == 403
    assert look(Client()).status_code == 302


def test_p32_another_teams_delivery_is_not_found(
    manager: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    delivery = row_for("delivery", charlie)
    assert look(sign_in(manager), f"/feed/?view=delivery&id={delivery.pk}").status_code == 404


def test_a_viewer_is_sent_no_buttons(bob: Membership, viewer: Membership, sign_in: SignIn) -> None:
    generation = make_generation(bob)
    page = look(sign_in(viewer)).content.decode()
    assert f"active-{generation.pk}" in page
    assert "<button" not in page.partition("</nav>")[2]


def test_a_first_frame_is_shown_only_from_this_site(bob: Membership, sign_in: SignIn) -> None:
    make_generation(bob, image_urls=["https://elsewhere.example/a.png"], **CHEAP)
    page = look(sign_in(bob)).content.decode()
    assert "elsewhere.example" not in page


def test_the_list_asks_no_more_queries_for_more_people_and_projects(
    alice: Membership, bob: Membership, sign_in: SignIn
) -> None:
    client = sign_in(bob)
    make_generation(bob, **CHEAP)
    look(client)
    with CaptureQueriesContext(connection) as few:
        look(client)
    for _ in range(4):
        make_generation(make_member(bob.team, "member"), State.PROCESSING, **CHEAP)
    with CaptureQueriesContext(connection) as many:
        assert len(ids_in(look(client))) == 5
    assert len(many) <= len(few) + 1
