"""The studio: who may order, what is shown, and that nothing typed is lost."""

from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership
from accounts.roles import Role
from billing.selectors import books_of
from billing.subjects import Subject
from generations.lifecycle import State
from generations.models import Generation, ProviderKey, Upload, VideoModel
from tests.factories import (
    image_bytes,
    make_generation,
    make_limit,
    make_member,
    make_provider_key,
    make_team,
    make_user,
)
from tests.generations.portal.conftest import SignIn
from tests.support.catalogue import change_parameter

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def typed(membership: Membership, **changes: Any) -> dict[str, Any]:
    """Return the form as the page posts it: 70 credits unless changed."""
    return {
        "prompt": "A quiet lake",
        "model": "doubao-seedance-1.5-pro",
        "duration": "5",
        "resolution": "720p",
        "aspect_ratio": "16:9",
        "generate_audio": "on",
        "seed": "",
        "team": membership.team.slug,
        "idempotency_key": f"studio-{uuid4()}",
        **changes,
    }


def order(client: Client, form: dict[str, Any]) -> Any:
    return client.post("/studio/submit/", form, headers=HTMX)


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    reply = client.get("/")
    assert (reply.status_code, reply["Location"]) == (302, "/accounts/login/?next=%2F")


def test_a_strangers_fragment_sends_the_whole_page_to_sign_in(client: Client) -> None:
    headers = {**HTMX, "HX-Current-URL": "http://testserver/keys/"}
    reply = client.get("/studio/films/", headers=headers)
    assert (reply.status_code, reply["HX-Redirect"]) == (204, "/accounts/login/?next=%2Fkeys%2F")


def test_somebody_without_a_team_reads_a_kind_page(client: Client) -> None:
    client.force_login(make_user(), backend="accounts.sign_in.backend.EmailBackend")
    reply = client.get("/")
    assert b"not in a team yet" in reply.content
    assert client.post("/studio/submit/", {}).status_code == 403


def test_the_form_orders_one_generation(bob: Membership, sign_in: SignIn) -> None:
    reply = order(sign_in(bob), typed(bob))
    generation = Generation.objects.get()
    assert (generation.user, generation.credits, generation.state) == (bob.user, 70, State.QUEUED)
    assert generation.prompt == "A quiet lake"
    assert "data-sent" in reply.content.decode()
    assert books_of(bob.team).held == 70


def test_the_same_form_twice_orders_once(bob: Membership, sign_in: SignIn) -> None:
    client, form = sign_in(bob), typed(bob)
    order(client, form)
    reply = order(client, form)
    assert Generation.objects.count() == 1
    assert b"This form was already sent" in reply.content


def test_every_control_reaches_the_vendors_body(bob: Membership, sign_in: SignIn) -> None:
    form = typed(bob, duration="8", resolution="1080p", aspect_ratio="9:16", seed="7")
    del form["generate_audio"]
    order(sign_in(bob), form | {"watermark": "on", "camera_fixed": "on"})
    assert Generation.objects.get().body["input"] == {
        "prompt": "A quiet lake",
        "duration": 8,
        "resolution": "1080p",
        "aspect_ratio": "9:16",
        "generate_audio": False,
        "watermark": True,
        "camera_fixed": True,
        "seed": 7,
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt": "  "}, "The prompt must not be empty."),
        ({"seed": "often"}, "The seed must be an integer"),
        ({"duration": "99"}, "The duration must be a whole number of seconds from 4 to 12."),
        ({"resolution": "8k"}, "The resolution must be one of 480p, 720p, 1080p."),
        ({"aspect_ratio": "2:1"}, "The aspect ratio must be one of"),
        ({"first_frame": "http://10.0.0.1/a.png"}, "The first frame: only public"),
        ({"last_frame": "https://example.com/a.png"}, "A last frame needs a first frame too."),
    ],
)
def test_an_error_stands_beside_its_field_and_nothing_typed_is_lost(
    bob: Membership, sign_in: SignIn, changes: dict[str, str], words: str
) -> None:
    form = typed(bob, prompt="Sails & <ropes>", watermark="on") | changes
    reply = order(sign_in(bob), form)
    page = reply.content.decode()
    assert words in page.replace("&#x27;", "'")
    assert "'input." not in page.replace("&#x27;", "'")
    if "prompt" not in changes:
        assert "Sails &amp; &lt;ropes&gt;" in page
    assert form["idempotency_key"] in page
    assert Generation.objects.count() == 0


def test_p34_a_limit_says_who_how_much_and_what_would_fit(
    alice: Membership, bob: Membership, sign_in: SignIn
) -> None:
    make_limit(Subject("member", f"{bob.team.pk}:{bob.user.pk}"), 30, team=bob.team, window="day")
    client, form = sign_in(bob), typed(bob)
    reply = order(client, form)
    refusal = reply.context["refusal"]
    assert (refusal.scope, refusal.limit, refusal.left, refusal.needed) == ("member", 30, 30, 70)
    assert refusal.resets_at is not None
    assert refusal.raised_by == [alice.user.get_full_name()]
    assert Generation.objects.count() == 0

    take = refusal.variants[0]
    order(client, form | {"take": take.take})
    generation = Generation.objects.get()
    assert generation.credits == take.credits <= 30
    assert generation.prompt == "A quiet lake"


def test_p34_an_empty_wallet_says_that_an_administrator_can_fill_it(
    sign_in: SignIn,
) -> None:
    poor = make_member(make_team("Poor"), "owner")
    make_provider_key(poor.team, poor.user)
    page = order(sign_in(poor), typed(poor)).content.decode()
    assert "Not enough credits in the wallet" in page
    assert "An administrator can top up the wallet." in page
    assert "For more credits" not in page
    assert Generation.objects.count() == 0


def test_without_scripts_the_whole_page_answers(bob: Membership, sign_in: SignIn) -> None:
    client = sign_in(bob)
    refused = client.post("/studio/submit/", typed(bob, prompt=""))
    assert b"<html" in refused.content
    assert b"The prompt must not be empty." in refused.content
    done = client.post("/studio/submit/", typed(bob))
    assert (done.status_code, done["Location"]) == (302, "/")


def test_a_form_opened_for_another_team_is_not_paid_by_this_one(
    bob: Membership, sign_in: SignIn
) -> None:
    for named in ("another", ""):
        client = sign_in(bob)
        del client.defaults["HTTP_X_DAILIES_TEAM"]
        reply = client.post("/studio/submit/", typed(bob, team=named))
        assert reply.status_code == (404 if named else 400)
        assert named or "This form does not say which team it is for" in reply.content.decode()
    assert Generation.objects.count() == 0


@pytest.mark.parametrize("path", ["/studio/submit/", "/studio/frames/first_frame/"])
def test_p03_a_viewer_cannot_order_or_upload(
    viewer: Membership, sign_in: SignIn, path: str
) -> None:
    client = sign_in(viewer)
    assert client.post(path, typed(viewer)).status_code == 403
    assert Generation.objects.count() == 0
    page = client.get("/").content.decode()
    assert "View-only access" in page
    assert 'id="composer"' not in page


def test_the_price_is_the_servers_quote(bob: Membership, sign_in: SignIn) -> None:
    client = sign_in(bob)
    form = typed(bob, resolution="480p", duration="12", prompt="")
    tag = client.post("/studio/price/", form, headers=HTMX).context["price"]
    assert (tag.quote.credits, tag.left, tag.missing) == (84, 916, 0)
    form |= {"duration": "13"}
    page = client.post("/studio/price/", form, headers=HTMX).content.decode()
    assert "from 4 to 12" in page


def test_the_price_says_what_the_limits_leave(bob: Membership, sign_in: SignIn) -> None:
    make_limit(Subject("team", str(bob.team.pk)), 50, team=bob.team, window="hour")
    tag = sign_in(bob).post("/studio/price/", typed(bob), headers=HTMX).context["price"]
    assert tag.missing == 20


def test_a_frame_is_stored_for_the_team(bob: Membership, sign_in: SignIn) -> None:
    from_browser = _image("first_frame_file", image_bytes())
    reply = sign_in(bob).post("/studio/frames/first_frame/", from_browser, headers=HTMX)
    upload = Upload.objects.get()
    assert upload.team == bob.team
    assert f"/uploads/{upload.token}" in reply.content.decode()


def test_a_bad_frame_is_refused_in_its_slot(bob: Membership, sign_in: SignIn) -> None:
    reply = sign_in(bob).post(
        "/studio/frames/last_frame/", _image("last_frame_file", b"no image"), headers=HTMX
    )
    assert b"Choose a JPEG, PNG" in reply.content
    assert Upload.objects.count() == 0


def test_an_unknown_slot_is_not_found(bob: Membership, sign_in: SignIn) -> None:
    assert sign_in(bob).post("/studio/frames/middle/", headers=HTMX).status_code == 404


def test_another_teams_upload_is_no_frame(
    bob: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    sign_in(charlie).post(
        "/studio/frames/first_frame/", _image("first_frame_file", image_bytes()), headers=HTMX
    )
    theirs = Upload.objects.get(team=charlie.team)
    url = f"http://dailies.test/uploads/{theirs.token}.jpg"
    reply = order(sign_in(bob), typed(bob, first_frame=url))
    assert b"not a live upload of your team" in reply.content
    assert Generation.objects.count() == 0


def test_a_film_being_kept_is_still_under_way(bob: Membership, sign_in: SignIn) -> None:
    make_generation(bob, State.COMPLETED, film=False)
    page = sign_in(bob).get("/").content.decode()
    assert "Saving" in page
    assert "tile-time" not in page


def test_earlier_films_come_page_by_page(
    bob: Membership, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generations.portal.studio.reads.PAGE", 2)
    made = [make_generation(bob, State.FAILED) for _ in range(3)]
    client = sign_in(bob)
    first = client.get("/")
    newest_first = [str(one.id) for one in reversed(made)]
    assert [str(job.generation.id) for job in first.context["past"]] == newest_first[:2]
    assert first.context["more"] == newest_first[1]
    rest = client.get(f"/studio/films/?before={newest_first[1]}", headers=HTMX)
    assert [str(job.generation.id) for job in rest.context["past"]] == newest_first[2:]
    assert rest.context["more"] == ""


def test_p32_the_next_page_starts_from_no_strangers_film(
    bob: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    theirs = make_generation(charlie, State.FAILED)
    client = sign_in(bob)
    answers = [client.get(f"/studio/films/?before={one}") for one in (theirs.id, uuid4(), "x")]
    assert {reply.status_code for reply in answers} == {404}


def test_p40_a_remix_has_the_same_request_and_price(bob: Membership, sign_in: SignIn) -> None:
    first = make_generation(bob, duration=7, resolution="480p", aspect_ratio="4:3", seed=3)
    client = sign_in(bob)
    page = client.get(f"/?remix={first.id}")
    draft = page.context["draft"]
    assert page.context["price"].quote.credits == first.credits
    assert draft.payload() == first.body
    order(client, typed(bob, remix_of=str(first.id)))
    assert Generation.objects.get(remix_of=first)


def test_p32_a_strangers_film_cannot_be_remixed(
    bob: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    theirs = make_generation(charlie)
    client = sign_in(bob)
    assert client.get(f"/?remix={theirs.id}").status_code == 404
    order(client, typed(bob, remix_of=str(theirs.id)))
    assert not Generation.objects.filter(team=bob.team).exists()


def test_a_paused_or_missing_key_is_said_before_anybody_orders(
    bob: Membership, provider_key: ProviderKey, sign_in: SignIn
) -> None:
    client = sign_in(bob)
    paused = {
        "state": "paused",
        "pause_reason": "refused",
        "pause_code": "spent",
        "pause_note": "No money.",
        "next_probe_at": timezone.now(),
    }
    ProviderKey.objects.filter(pk=provider_key.pk).update(**paused)
    assert b"is paused: No money." in client.get("/").content
    ProviderKey.objects.filter(pk=provider_key.pk).update(state="sealed", pause_reason="")
    assert b"You need a provider key" in client.get("/").content
    assert b"You need a provider key" in order(client, typed(bob)).content


def test_another_model_keeps_what_it_has_in_common(bob: Membership, sign_in: SignIn) -> None:
    later = VideoModel.objects.get()
    later.pk, later.name, later.title = None, "later-model", "Later"
    change_parameter(later, "resolution", choices=["720p"])
    change_parameter(later, "duration", default=6, **{"from": 6})
    later.max_images = 1
    later.save()
    form = typed(bob, model="later-model", resolution="1080p", aspect_ratio="9:16", duration="5")
    frames = {"first_frame": "https://a.example/1.png", "last_frame": "https://a.example/2.png"}
    draft = sign_in(bob).post("/studio/form/", form | frames, headers=HTMX).context["draft"]
    typed_in = draft.typed
    assert (draft.model, typed_in["resolution"], typed_in["aspect_ratio"]) == (
        later,
        "720p",
        "9:16",
    )
    assert typed_in["duration"] == "6"
    assert (draft.first_frame, draft.last_frame) == (frames["first_frame"], "")


def test_without_any_active_model_the_studio_says_so(bob: Membership, sign_in: SignIn) -> None:
    VideoModel.objects.update(active=False)
    client = sign_in(bob)
    assert b"No model is available" in client.get("/").content
    assert client.post("/studio/submit/", typed(bob)).status_code == 302
    assert client.post("/studio/price/", typed(bob), headers=HTMX).status_code == 200


def test_people_work_in_the_team_they_chose(
    bob: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    make_member(charlie.team, Role.MEMBER, user=bob.user)
    client = sign_in(bob)
    del client.defaults["HTTP_X_DAILIES_TEAM"]
    client.post("/team/", {"team": charlie.team.slug})
    assert client.get("/").context["membership"].team == charlie.team
    assert client.post("/team/", {"team": "unknown"}).status_code == 404


def test_p32_nobody_enters_a_strangers_team(
    bob: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    client = sign_in(bob)
    del client.defaults["HTTP_X_DAILIES_TEAM"]
    assert client.post("/team/", {"team": charlie.team.slug}).status_code == 404
    assert client.get("/").context["membership"].team == bob.team


def _image(name: str, content: bytes) -> dict[str, Any]:
    from_browser = BytesIO(content)
    from_browser.name = "frame.jpg"
    return {name: from_browser}


def test_the_studio_asks_the_database_as_often_for_many_films_as_for_few(
    bob: Membership, sign_in: SignIn
) -> None:
    client = sign_in(bob)
    counts = []
    for _ in range(2):
        for state in (State.PROCESSING, State.QUEUED, State.COMPLETED, State.FAILED):
            make_generation(bob, state, duration=4, resolution="480p")
        client.get("/")  # what is remembered for half a minute
        with CaptureQueriesContext(connection) as asked:
            client.get("/")
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 32
