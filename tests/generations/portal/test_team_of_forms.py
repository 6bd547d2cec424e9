"""A form acts in the team that it was opened for, and looking chooses no team (F17)."""

import re
from itertools import chain
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, reverse

from accounts.models import Membership, Project
from accounts.roles import Role
from generations.lifecycle import State
from generations.models import Generation
from generations.portal.access import TEAM_HEADER
from generations.portal.urls import urlpatterns
from tests.factories import make_generation, make_member, make_provider_key
from tests.support.belongings import Belongings, everything, make_belongings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]

BACKEND = "accounts.sign_in.backend.EmailBackend"
TEMPLATES = Path(settings.BASE_DIR) / "templates"
# Nobody is in a team there yet, or it is about the person alone.
WITHOUT_TEAM = ("account/", "admin/", "allauth/", "parts/header.html", "parts/elsewhere.html")


@pytest.fixture
def away(alice: Membership, charlie: Membership) -> Membership:
    """Alice as a manager of Charlie's team, beside her own."""
    make_provider_key(charlie.team, charlie.user)
    return make_member(charlie.team, Role.MANAGER, user=alice.user)


@pytest.fixture
def browser(alice: Membership, away: Membership) -> Client:
    """Alice's browser, with her own team chosen; it names a team only where a form does."""
    client = Client()
    client.force_login(alice.user, backend=BACKEND)
    assert client.post("/team/", {"team": alice.team.slug}).status_code == 302
    return client


@pytest.mark.parametrize("path", ["/generations/{}/", "/?remix={}", "/generations/{}/receipt/"])
def test_f17_looking_at_another_teams_film_chooses_no_team(
    browser: Client,
    alice: Membership,
    away: Membership,
    charlie: Membership,
    path: str,
) -> None:
    theirs = make_generation(charlie, State.COMPLETED)
    reply = browser.get(path.format(theirs.pk))
    assert reply.status_code == 200
    assert browser.get("/").context["membership"] == alice
    assert browser.session["team"] == alice.team.slug


def test_f17_who_signs_in_again_is_in_the_team_they_were_in(
    browser: Client, alice: Membership, away: Membership, charlie: Membership
) -> None:
    for chosen, looked_at in ((away, alice), (alice, away)):
        browser.post("/team/", {"team": chosen.team.slug})
        browser.get(f"/generations/{make_generation(looked_at, State.COMPLETED).pk}/")
        browser.session.flush()
        assert browser.get("/budgets/")["Location"] == "/accounts/login/?next=%2Fbudgets%2F"
        browser.force_login(alice.user, backend=BACKEND)
        assert browser.get("/budgets/").context["membership"] == chosen


def test_f17_a_page_of_another_team_says_so_and_offers_to_switch(
    browser: Client, alice: Membership, away: Membership, charlie: Membership
) -> None:
    theirs = make_generation(charlie, State.COMPLETED)
    page = browser.get(f"/generations/{theirs.pk}/")
    assert page.context["membership"] == away
    assert f'This page belongs to <b dir="auto">{away.team.name}' in page.content.decode()
    assert "This page belongs to" not in browser.get("/").content.decode()
    browser.post("/team/", {"team": away.team.slug})
    assert "This page belongs to" not in browser.get(f"/generations/{theirs.pk}/").content.decode()


@pytest.mark.parametrize("by_script", [True, False])
def test_f17_a_form_acts_in_the_team_it_was_opened_for(
    browser: Client, alice: Membership, away: Membership, *, by_script: bool
) -> None:
    # In another tab:
    browser.post("/team/", {"team": away.team.slug})
    form = {"name": "Spring"} | ({} if by_script else {"team": alice.team.slug})
    headers = {TEAM_HEADER: alice.team.slug} if by_script else {}
    browser.post("/projects/", form, headers=headers)
    assert Project.objects.get().team == alice.team
    assert browser.get("/").context["membership"] == alice, (
        "the page that follows is another team's"
    )


def test_f17_a_script_and_its_form_that_name_two_teams_do_nothing(
    browser: Client, alice: Membership, away: Membership
) -> None:
    form = urlencode({"name": "Spring", "team": away.team.slug})
    kind, headers = "application/x-www-form-urlencoded", {TEAM_HEADER: alice.team.slug}
    reply = browser.post("/projects/", form, content_type=kind, headers=headers)
    assert reply.status_code == 400
    assert not Project.objects.exists()


def test_f17_a_form_without_a_team_does_nothing_and_says_the_way_out(browser: Client) -> None:
    reply = browser.post("/projects/", {"name": "Spring"})
    assert reply.status_code == 400
    assert "This form does not say which team it is for" in reply.content.decode()
    assert not Project.objects.exists()


def test_f17_a_remix_of_another_teams_film_is_ordered_there(
    browser: Client, alice: Membership, away: Membership, charlie: Membership
) -> None:
    theirs = make_generation(charlie, State.COMPLETED)
    page = browser.get(f"/?remix={theirs.pk}").content.decode()
    [form] = re.findall(r'<form class="panel composer".*?</form>', page, re.DOTALL)
    typed = dict(re.findall(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', form))
    typed |= {"model": theirs.model, "prompt": "Again", "duration": "4"}
    typed |= {"resolution": "480p", "aspect_ratio": "16:9"}
    browser.post("/studio/submit/", typed)
    made = Generation.objects.exclude(pk=theirs.pk).get()
    assert (made.team, made.remix_of) == (away.team, theirs)


def test_f17_every_form_of_the_portal_names_its_team() -> None:
    unnamed = []
    for path in sorted(TEMPLATES.rglob("*.html")):
        name = str(path.relative_to(TEMPLATES))
        if name.startswith(WITHOUT_TEAM):
            continue
        for form in re.findall(r"<form\b.*?</form>", path.read_text(), re.DOTALL):
            if re.search(r'method="post"|hx-post', form) and "{% team_field %}" not in form:
                unnamed.append(name)
    assert unnamed == []


@pytest.fixture
def theirs(vendor: object) -> Belongings:
    return make_belongings()


def test_f17_a_form_that_names_a_strangers_team_finds_none(
    theirs: Belongings, alice: Membership
) -> None:
    client = Client()
    client.force_login(alice.user, backend=BACKEND)
    before, found = everything(), []
    for path in _paths_without_rows():
        for headers in ({}, {TEAM_HEADER: theirs.owner.team.slug}):
            form = {} if headers else {"team": theirs.owner.team.slug}
            reply = client.post(path, form, headers=headers)
            if reply.status_code not in {404, 405}:
                found.append((path, reply.status_code))
    assert found == []
    assert everything() == before


def _paths_without_rows() -> list[str]:
    pages = chain(*(page.url_patterns for page in urlpatterns if isinstance(page, URLResolver)))
    paths = []
    for one in pages:
        if not isinstance(one, URLPattern) or not one.name or one.name.startswith("account_"):
            continue
        try:
            paths.append(reverse(one.name))
        except NoReverseMatch:
            continue
    assert len(paths) > 15
    return paths
