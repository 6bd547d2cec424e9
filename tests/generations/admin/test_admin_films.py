"""Lost films and retention rules in the admin go through the same services as in the portal."""

import pytest
from django.test import Client

from accounts.models import AuditEvent, Membership, Team, User
from generations.archive.keep import GONE_TIMES
from generations.models import Film, ProviderKey, RetentionRule
from tests.generations.admin.steps import assert_recorded, button, errors_of
from tests.generations.admin.test_admin_pages import path_of
from tests.support.films import film_bytes
from tests.support.keeping import completed, kept
from tests.support.keeping import path_of as link_of
from tests.support.steps import run_queue
from tests.support.vendor import Vendor, html


@pytest.fixture
def lost(alice: Membership, provider_key: ProviderKey, vendor: Vendor) -> Film:
    """A film whose link died; the vendor has a fresh one."""
    film = completed(alice, vendor, film_bytes())
    vendor.always(link_of(film), html(404))
    kept(film, times=GONE_TIMES)
    vendor.finish(vendor.only_task, film_bytes())
    return film


def test_p39_a_lost_film_is_listed_told_and_saved(browser: Client, lost: Film) -> None:
    page = browser.get(path_of(Film, "changelist"), {"state__exact": "given_up"})
    assert page.context["cl"].result_count == 1
    assert "Lost films" in page.content.decode()
    path = button(Film, "keep_again", lost.pk)
    assert path in browser.get(path_of(Film, "change", lost.pk)).content.decode()
    browser.get(path)
    lost.refresh_from_db()
    assert lost.state == Film.State.GIVEN_UP  # asking does nothing yet
    browser.post(path, {"_form_submitted": "True"})
    run_queue("keep")
    lost.refresh_from_db()
    assert lost.state == Film.State.KEPT
    event = lost.generation.events.get(kind="film_tried_again")
    assert event.actor.endswith("/admin")
    assert path not in browser.get(path_of(Film, "change", lost.pk)).content.decode()
    twice = browser.post(path, {"_form_submitted": "True"}, follow=True)
    assert twice.status_code in {200, 403, 404}
    lost.refresh_from_db()
    assert lost.state == Film.State.KEPT


def test_lost_films_are_saved_together(browser: Client, lost: Film) -> None:
    choose = {"action": "keep_selected_again", "_selected_action": [str(lost.pk)]}
    shown = browser.post(path_of(Film, "changelist"), choose, follow=True).content.decode()
    assert "Asking the vendor for a new link" in shown
    again = browser.post(path_of(Film, "changelist"), choose, follow=True).content.decode()
    assert "This film is not lost" in again


def test_a_rule_is_set_changed_and_lifted_by_its_service(
    browser: Client, root: User, team: Team
) -> None:
    rule = {"team": team.pk, "days": "30", "keep_favourites": "on"}
    browser.post(path_of(RetentionRule, "add"), rule)
    stored = RetentionRule.objects.get(team=team)
    assert (stored.days, stored.set_by) == (30, f"user:{root.pk}/admin")
    assert_recorded("retention.set", root, team=team)
    browser.post(path_of(RetentionRule, "change", team.pk), {**rule, "days": "60"})
    stored.refresh_from_db()
    assert stored.days == 60
    refused = browser.post(path_of(RetentionRule, "change", team.pk), {**rule, "days": "5000"})
    assert "days" in errors_of(refused)
    browser.post(path_of(RetentionRule, "delete", team.pk), {"post": "yes"})
    assert not RetentionRule.objects.exists()
    assert_recorded("retention.cleared", root, team=team)
    assert AuditEvent.objects.filter(action__startswith="retention.").count() == 3
