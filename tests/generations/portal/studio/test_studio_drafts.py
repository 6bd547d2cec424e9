"""The studio's draft: it survives reloads, ended sessions and other tabs, and orders once (F3)."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership, Project
from accounts.roles import Role
from generations.drafts.service import DraftContent, PageState, mark_sent, save_draft
from generations.lifecycle import State
from generations.models import Draft, Generation, Priority, ProviderKey, VideoModel
from tests.factories import make_generation, make_member
from tests.generations.portal.conftest import SignIn
from tests.generations.portal.studio.test_studio import HTMX, order, typed

pytestmark = pytest.mark.django_db


def form_of(page: Any) -> dict[str, str]:
    """Return the hidden fields of the studio's form, as a browser would post them."""
    fields = re.findall(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', page)
    return {name: value for name, value in fields if name != "csrfmiddlewaretoken"}


def opened(client: Client, path: str = "/") -> dict[str, str]:
    return form_of(client.get(path).content.decode())


def save(client: Client, form: dict[str, Any]) -> Any:
    return client.post("/studio/draft/", form, headers=HTMX)


def shown(client: Client, token: str) -> Any:
    """Return what the studio shows of a draft."""
    return client.get(f"/?draft={token}").context["draft"]


@pytest.fixture
def client(bob: Membership, sign_in: SignIn) -> Client:
    return sign_in(bob)


def test_opening_the_studio_stores_nothing(client: Client) -> None:
    opened(client)
    opened(client, f"/?draft={uuid4()}")
    assert not Draft.objects.exists()


def test_f03_a_reload_shows_what_was_typed(bob: Membership, client: Client) -> None:
    form = opened(client)
    project = Project.objects.create(team=bob.team, name="Launch", slug="launch")
    changes = {"prompt": "Two\nlines & <tags>", "duration": "9", "project": project.slug}
    frames = {"first_frame": "https://a.example/1.png", "priority": "-1", "watermark": "on"}
    without_audio = typed(bob, **form, **changes, **frames, seed="often")
    del without_audio["generate_audio"]
    assert save(client, without_audio).status_code == 200
    draft = shown(client, form["draft"])
    assert (draft.prompt, draft.project, draft.priority) == ("Two\nlines & <tags>", "launch", "-1")
    assert draft.first_frame == "https://a.example/1.png"
    assert (draft.typed["duration"], draft.typed["seed"]) == ("9", "often")
    assert (draft.typed["generate_audio"], draft.typed["watermark"]) == ("off", "on")


def test_f03_the_studio_is_asked_for_again_rather_than_taken_from_a_cache(client: Client) -> None:
    assert "no-store" in client.get("/")["Cache-Control"]


def test_p41_a_page_that_was_sent_before_says_so_and_links_the_film(
    bob: Membership, client: Client
) -> None:
    form = typed(bob, **opened(client))
    order(client, form)
    film = Generation.objects.get()
    for changes in ({}, {"prompt": "Another one"}):
        page = order(client, form | changes).content.decode()
        assert "This form was already sent." in page
        assert f'href="/generations/{film.id}/"' in page
        assert "Idempotency-Key" not in page
    assert Generation.objects.count() == 1


def test_f03_what_a_stale_page_answers_with_can_be_sent_as_another_film(
    bob: Membership, client: Client
) -> None:
    form = typed(bob, **opened(client))
    order(client, form)
    answer = order(client, form | {"prompt": "Another one"}).content.decode()
    assert "Another one" in answer
    order(client, form | form_of(answer) | {"prompt": "Another one"})
    assert Generation.objects.filter(prompt="Another one").count() == 1


def test_f03_back_to_a_sent_draft_has_the_next_idempotency_key(
    bob: Membership, client: Client
) -> None:
    form = opened(client)
    order(client, typed(bob, **form))
    again = opened(client, f"/?draft={form['draft']}")
    assert again["idempotency_key"] != form["idempotency_key"]
    order(client, typed(bob, **again))
    assert Generation.objects.count() == 2


def test_p41_a_crash_after_the_submission_does_not_send_it_again(
    bob: Membership, client: Client
) -> None:
    form = opened(client)
    order(client, typed(bob, **form))
    # As if the row had not been told: its next page has the used key.
    Draft.objects.update(idempotency_key=form["idempotency_key"], sent_at=None)
    page = opened(client, f"/?draft={form['draft']}")
    assert page["idempotency_key"] == form["idempotency_key"]
    assert b"This form was already sent." in order(client, typed(bob, **page)).content
    assert Generation.objects.count() == 1
    assert Draft.objects.get().idempotency_key != form["idempotency_key"]


def test_a_refused_form_keeps_its_draft_and_its_key(bob: Membership, client: Client) -> None:
    form = opened(client)
    page = order(client, typed(bob, **form, prompt="")).content.decode()
    assert form_of(page)["draft"] == form["draft"]
    assert form_of(page)["idempotency_key"] == form["idempotency_key"]


def test_f03_two_tabs_have_a_draft_each(bob: Membership, client: Client) -> None:
    first, second = opened(client), opened(client)
    save(client, typed(bob, **first, prompt="A lake"))
    save(client, typed(bob, **second, prompt="A river"))
    assert shown(client, first["draft"]).prompt == "A lake"
    assert shown(client, second["draft"]).prompt == "A river"


def test_f03_a_duplicated_tab_is_told_of_its_own_draft(bob: Membership, client: Client) -> None:
    first = opened(client)
    save(client, typed(bob, **first, prompt="A lake"))
    second = opened(client, f"/?draft={first['draft']}")
    third = opened(client, f"/?draft={first['draft']}")
    assert "HX-Trigger" not in save(client, typed(bob, **second, prompt="A river"))
    reply = save(client, typed(bob, **third, prompt="A sea"))
    assert "dailies:draft" in reply["HX-Trigger"]
    assert shown(client, first["draft"]).prompt == "A river"
    assert set(Draft.objects.values_list("prompt", flat=True)) == {"A river", "A sea"}


def test_a_page_that_was_read_too_early_gets_what_was_saved_since(
    bob: Membership, client: Client
) -> None:
    form = opened(client)
    asked = f"/studio/draft/newer/?draft={form['draft']}"
    assert client.get(f"{asked}&page=&sequence=0", headers=HTMX).status_code == 204
    save(client, typed(bob, **form, prompt="A lake") | {"draft_sequence": "3"})
    reply = client.get(f"{asked}&page=&sequence=0", headers=HTMX)
    assert reply.context["draft"].prompt == "A lake"
    seen = f"{asked}&page={form['draft_page']}&sequence=3"
    assert client.get(seen, headers=HTMX).status_code == 204
    assert client.get(asked)["Location"] == "/"


def test_f03_a_page_whose_draft_was_sent_meanwhile_stays_stale(
    bob: Membership, client: Client
) -> None:
    first = opened(client)
    save(client, typed(bob, **first))
    page = opened(client, f"/?draft={first['draft']}")
    order(client, typed(bob, **first) | {"draft_sequence": "2"})
    asked = f"/studio/draft/newer/?draft={first['draft']}&page={first['draft_page']}&sequence=0"
    reply = client.get(f"{asked}&key={page['idempotency_key']}", headers=HTMX)
    assert reply.status_code == 204
    assert b"already sent" in order(client, typed(bob, **page)).content
    assert Generation.objects.count() == 1


def test_f03_a_session_that_ended_leads_back_to_the_draft(client: Client, bob: Membership) -> None:
    form = opened(client)
    save(client, typed(bob, **form, prompt="A lake"))
    client.logout()
    headers = {**HTMX, "HX-Current-URL": f"http://testserver/?draft={form['draft']}"}
    reply = client.post("/studio/draft/", typed(bob, **form, prompt="A lake at"), headers=headers)
    back = f"/accounts/login/?next=%2F%3Fdraft%3D{form['draft']}"
    assert (reply.status_code, reply["HX-Redirect"]) == (204, back)
    assert client.get(f"/?draft={form['draft']}")["Location"] == back
    client.force_login(bob.user, backend="accounts.sign_in.backend.EmailBackend")
    assert shown(client, form["draft"]).prompt == "A lake"


def test_f03_whoever_signs_in_next_sees_nothing_of_it(
    bob: Membership, alice: Membership, client: Client
) -> None:
    form = opened(client)
    save(client, typed(bob, **form, prompt="A secret"))
    client.force_login(alice.user, backend="accounts.sign_in.backend.EmailBackend")
    for path in ("/", f"/?draft={form['draft']}", "/studio/prompts/"):
        assert "A secret" not in client.get(path).content.decode()


@pytest.mark.parametrize("path", ["/studio/draft/", "/studio/submit/", "/studio/price/"])
def test_f03_a_page_of_somebody_else_is_loaded_again(
    bob: Membership, alice: Membership, client: Client, path: str
) -> None:
    form = typed(bob, **opened(client))
    client.force_login(alice.user, backend="accounts.sign_in.backend.EmailBackend")
    reply = client.post(path, form, headers=HTMX)
    assert (reply.status_code, reply["HX-Refresh"]) == (204, "true")
    assert client.post(path, form)["Location"] == "/"
    assert not Draft.objects.exists()
    assert not Generation.objects.exists()


def test_p32_another_persons_draft_reads_like_an_unknown_one(
    alice: Membership, client: Client
) -> None:
    theirs = save_draft(
        str(uuid4()),
        DraftContent(prompt="A secret"),
        state=PageState("page"),
        by=By.member(alice),
        now=timezone.now(),
    )
    answers = [client.get(f"/?draft={token}") for token in (theirs.token, uuid4())]
    assert [reply.context["draft"].prompt for reply in answers] == ["", ""]
    newer = [
        client.get(f"/studio/draft/newer/?draft={token}", headers=HTMX).status_code
        for token in (theirs.token, uuid4())
    ]
    assert newer == [204, 204]
    client.post("/studio/draft/discard/", {"draft": str(theirs.token)})
    assert Draft.objects.get() == theirs


class TestTwoTeams:
    @pytest.fixture
    def client(self, bob: Membership, provider_key: ProviderKey) -> Client:
        """A browser without scripts: forms alone say which team they are for."""
        client = Client()
        client.force_login(bob.user, backend="accounts.sign_in.backend.EmailBackend")
        return client

    @pytest.fixture
    def other(self, bob: Membership, charlie: Membership) -> Membership:
        return make_member(charlie.team, Role.MEMBER, user=bob.user)

    def test_a_draft_opens_in_the_team_that_it_is_for(
        self, bob: Membership, other: Membership, client: Client
    ) -> None:
        form = opened(client)
        team = client.get("/").context["membership"].team
        save(client, typed(bob, **form) | {"prompt": "A lake", "team": team.slug})
        away = next(one for one in (bob, other) if one.team != team)
        client.post("/team/", {"team": away.team.slug})
        assert client.get("/").context["unfinished"] == []
        page = client.get(f"/?draft={form['draft']}")
        assert page.context["membership"].team == team
        assert page.context["draft"].prompt == "A lake"

    def test_what_is_typed_after_changing_the_team_is_still_kept_where_it_was_begun(
        self, bob: Membership, other: Membership, client: Client
    ) -> None:
        client.post("/team/", {"team": bob.team.slug})
        form = opened(client)
        client.post("/team/", {"team": other.team.slug})
        save(client, typed(bob, **form, prompt="A lake"))
        assert Draft.objects.get().team == bob.team

    def test_p32_no_draft_is_kept_in_a_strangers_team(
        self, bob: Membership, charlie: Membership, client: Client
    ) -> None:
        form = opened(client)
        reply = save(client, typed(bob, **form) | {"team": charlie.team.slug})
        unknown = save(client, typed(bob, **form) | {"team": "unknown"})
        assert (reply.status_code, unknown.status_code) == (404, 404)
        assert not Draft.objects.exists()


class TestFreshForms:
    def test_settings_are_remembered_and_prompt_and_frames_are_not(
        self, bob: Membership, client: Client
    ) -> None:
        frame = {"first_frame": "https://a.example/1.png"}
        form = opened(client)
        save(client, typed(bob, **form, **frame, duration="9", aspect_ratio="1:1", priority="-1"))
        draft = client.get("/").context["draft"]
        assert (draft.typed["duration"], draft.typed["aspect_ratio"]) == ("9", "1:1")
        assert draft.priority == "-1"
        assert (draft.prompt, draft.first_frame) == ("", "")
        assert draft.token != form["draft"]

    def test_settings_that_are_none_any_more_are_not_remembered(
        self, alice: Membership, bob: Membership, sign_in: SignIn
    ) -> None:
        client = sign_in(alice)
        project = Project.objects.create(team=alice.team, name="Launch", slug="launch")
        changes = {"project": "launch", "priority": str(Priority.HIGH.value), "duration": "often"}
        save(client, typed(alice, **opened(client), **changes))
        project.archived_at = timezone.now()
        project.save()
        alice.role = Role.MEMBER
        alice.save()
        draft = client.get("/").context["draft"]
        assert (draft.project, draft.priority) == ("", str(Priority.NORMAL.value))

    def test_a_model_that_is_gone_leaves_the_prompt(self, bob: Membership, client: Client) -> None:
        form = opened(client)
        later = VideoModel.objects.get()
        save(client, typed(bob, **form, prompt="A lake"))
        VideoModel.objects.update(active=False)
        assert b"No model" in client.get(f"/?draft={form['draft']}").content
        later.pk, later.name = None, "later-model"
        later.save()
        draft = shown(client, form["draft"])
        assert (draft.prompt, draft.model) == ("A lake", later)

    def test_an_empty_form_offers_what_is_unfinished(self, bob: Membership, client: Client) -> None:
        form = opened(client)
        save(client, typed(bob, **form, prompt="A lake in the evening"))
        page = client.get("/").content.decode()
        assert f'href="/?draft={form["draft"]}"' in page
        assert "A lake in the evening" in page
        client.post("/studio/draft/discard/", {"draft": form["draft"]})
        assert "A lake in the evening" not in client.get("/").content.decode()

    def test_what_was_sent_is_not_offered(self, bob: Membership, client: Client) -> None:
        order(client, typed(bob, **opened(client)))
        assert client.get("/").context["unfinished"] == []

    def test_a_remix_is_a_draft_of_its_own(self, bob: Membership, client: Client) -> None:
        first = make_generation(bob, State.COMPLETED, prompt="A lake")
        typing = opened(client)
        save(client, typed(bob, **typing, prompt="Something else"))
        remix = opened(client, f"/?remix={first.id}")
        assert remix["draft"] != typing["draft"]
        save(client, typed(bob, **remix, prompt="A lake at night"))
        draft = shown(client, remix["draft"])
        assert (draft.prompt, draft.remix_of) == ("A lake at night", str(first.id))
        order(client, typed(bob, **opened(client, f"/?draft={remix['draft']}")))
        assert Generation.objects.filter(remix_of=first).count() == 1
        assert shown(client, typing["draft"]).prompt == "Something else"


def test_earlier_prompts_come_newest_first(
    bob: Membership, alice: Membership, client: Client
) -> None:
    for prompt in ("A lake", "A river"):
        make_generation(bob, prompt=prompt)
    make_generation(alice, prompt="Hers")
    reply = client.get("/studio/prompts/")
    assert reply.json() == {"prompts": ["A river", "A lake"]}
    assert "no-store" in reply["Cache-Control"]


def test_a_draft_that_is_too_long_is_said_to_be_unsaved(bob: Membership, client: Client) -> None:
    reply = save(client, typed(bob, **opened(client), prompt="x" * 41_000))
    assert b"Not saved: This is too long" in reply.content
    page = order(client, typed(bob, **opened(client), prompt="x" * 41_000)).content.decode()
    assert "at most 10,000" in page


def test_p03_a_viewer_saves_no_draft(viewer: Membership, sign_in: SignIn) -> None:
    client = sign_in(viewer)
    assert save(client, typed(viewer)).status_code == 204
    assert client.get("/studio/prompts/").status_code == 403
    assert not Draft.objects.exists()


def test_a_save_after_the_submission_makes_it_unfinished_again(
    bob: Membership, client: Client
) -> None:
    form = opened(client)
    save(client, typed(bob, **form) | {"draft_sequence": "1"})
    mark_sent(Draft.objects.get(), now=timezone.now())
    assert client.get("/").context["unfinished"] == []
    save(client, typed(bob, **form, prompt="A lake at night") | {"draft_sequence": "2"})
    assert len(client.get("/").context["unfinished"]) == 1
