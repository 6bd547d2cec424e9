"""The portal's page Storage: what is lost, tried again, and the team's rule."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Membership
from accounts.roles import Role
from generations.lifecycle import State
from generations.models import Film, RetentionRule
from generations.portal.access import TEAM_HEADER
from tests.factories import make_generation, make_member
from tests.support.keeping import kept, remove
from tests.support.vendor import Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key", "own_folder")]


def signed_in(membership: Membership) -> Client:
    client = Client(headers={TEAM_HEADER: membership.team.slug})
    client.force_login(membership.user)
    return client


def test_the_archive_shows_what_is_lost_and_tries_again(lost: Film, bob: Membership) -> None:
    page = signed_in(bob).get("/archive/")
    assert page.status_code == 200
    assert str(lost.pk) in page.content.decode()
    reply = signed_in(bob).post(f"/generations/{lost.pk}/keep/")
    assert (reply.status_code, reply["Location"]) == (302, f"/generations/{lost.pk}/")
    lost.refresh_from_db()
    assert lost.state == Film.State.PENDING
    shown = signed_in(bob).get(f"/generations/{lost.pk}/").content.decode()
    assert "Saving again" in shown
    twice = signed_in(bob).post(f"/generations/{lost.pk}/keep/")
    assert twice.status_code == 409


def test_strangers_and_viewers_save_nothing(lost: Film, charlie: Membership) -> None:
    viewer = make_member(lost.generation.team, Role.VIEWER)
    for who, status in ((charlie, 404), (viewer, 403)):
        assert signed_in(who).post(f"/generations/{lost.pk}/keep/").status_code == status
    assert "Save again" not in signed_in(viewer).get("/archive/").content.decode()
    assert str(lost.pk) not in signed_in(charlie).get("/archive/").content.decode()
    assert signed_in(charlie).get(f"/archive/?before={lost.pk}").status_code == 404
    lost.refresh_from_db()
    assert lost.state == Film.State.GIVEN_UP


def test_losses_are_paged_by_the_last_one_shown(alice: Membership, vendor: Vendor) -> None:
    moment = timezone.now()
    films = []
    for number in range(33):
        job = make_generation(alice, State.COMPLETED, film=False, duration=4, resolution="480p")
        films.append(job.pk)
        Film.objects.filter(pk=job.pk).update(
            state=Film.State.GIVEN_UP, lost_at=moment - timedelta(seconds=number // 2)
        )
    client, seen, path = signed_in(alice), [], "/archive/"
    for _ in range(2):
        page = client.get(path)
        seen += [film.pk for film, _ in page.context["lost"]]
        path = f"/archive/?before={page.context['more']}"
    assert len(seen) == len(set(seen)) == 33
    assert set(seen) == set(films)


def test_managers_set_the_rule_and_members_do_not(
    film: Film, alice: Membership, bob: Membership
) -> None:
    kept(film)
    form = {"days": "30", "keep_favourites": "on"}
    assert signed_in(bob).post("/archive/retention/", form).status_code == 403
    assert signed_in(alice).post("/archive/retention/", form).status_code == 302
    rule = RetentionRule.objects.get()
    assert (rule.days, rule.keep_favourites, rule.set_by) == (30, True, f"user:{alice.user_id}")
    page = signed_in(bob).get(f"/generations/{film.pk}/").content.decode()
    assert "favourites are kept" in page
    wrong = signed_in(alice).post("/archive/retention/", {"days": "0"})
    assert wrong.status_code == 200
    assert "Enter a whole number from 1 to" in wrong.content.decode()
    assert signed_in(alice).post("/archive/retention/", {"remove": "1"}).status_code == 302
    assert not RetentionRule.objects.exists()
    assert AuditEvent.objects.filter(action__startswith="retention.").count() == 2


def test_a_removed_films_page_says_so(film: Film, alice: Membership) -> None:
    kept(film)
    remove(film)
    page = signed_in(alice).get(f"/generations/{film.pk}/").content.decode()
    assert "by the team&#x27;s retention of 7 days" in page
    assert "<video" not in page
    assert "Remix" in page
    assert signed_in(alice).get(f"/generations/{film.pk}/receipt/").status_code == 200


def test_f17_a_late_films_link_expires_only_while_it_is_believed(
    alice: Membership, vendor: Vendor
) -> None:
    film = make_generation(alice, State.COMPLETED, duration=4, resolution="480p").film
    pending = Film.objects.filter(pk=film.pk)
    pending.update(
        state=Film.State.PENDING,
        source_url="https://vendor.example/a.mp4",
        link_expires_at=timezone.now() + timedelta(hours=5),
        failures=3,
        created_at=timezone.now() - timedelta(hours=12),
    )
    client = signed_in(alice)
    assert "link expires" in client.get("/archive/").content.decode()
    pending.update(link_died=True, problem="The vendor's link has expired.")
    page = client.get("/archive/").content.decode()
    assert "link has expired" in page
    assert "link expires" not in page
