"""A model's row alone decides what is shown, accepted, sent, kept and compared (F14)."""

import json
from typing import Any

import pytest
from django.forms.models import model_to_dict
from django.test import Client
from django.utils import timezone

from accounts.authority import By
from accounts.models import AuditEvent, Membership
from billing.models import Rate
from generations.lifecycle import State
from generations.models import Film, Generation, VideoModel
from generations.ordering.request import validate_request
from generations.ordering.submit import Submission, submit_batch
from generations.portal.words import status_of
from platform_site.errors import InvalidRequest
from tests.factories import make_generation, make_request
from tests.generations.admin.conftest import browser, root  # fixtures
from tests.generations.admin.test_admin_pages import path_of
from tests.generations.portal.conftest import SignIn, sign_in  # a fixture
from tests.support.api import MODEL, Api, generation_body
from tests.support.catalogue import add_parameter, change_parameter, copied_model, drop_parameter
from tests.support.films import film_bytes
from tests.support.keeping import completed, kept
from tests.support.sending import send_now
from tests.support.steps import poll_due
from tests.support.vendor import Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]

TEST = "1.5-test"
HTMX = {"HX-Request": "true"}
DRAFT_MODE: dict[str, Any] = {
    "name": "draft_mode",
    "type": "boolean",
    "default": False,
    "label": "Draft",
    "help": "a quick look first",
    "place": "advanced",
    "position": 8,
}
__all__ = ["browser", "root", "sign_in"]


@pytest.fixture
def drafting(db: None) -> VideoModel:
    """A model with one more parameter, made of rows alone."""
    model = copied_model(TEST, "Seedance 1.5 Test")
    add_parameter(model, **DRAFT_MODE)
    model.save(force_insert=True)
    return model


@pytest.fixture
def moving(db: None) -> VideoModel:
    """A model that does not take `camera_fixed`, beside one that does."""
    model = copied_model("moving", "Seedance Moving")
    drop_parameter(model, "camera_fixed")
    model.save(force_insert=True)
    return model


def typed(membership: Membership, model: str, **changes: Any) -> dict[str, Any]:
    """Return the studio's form as the page posts it."""
    return {
        "prompt": "A quiet lake",
        "model": model,
        "duration": "4",
        "resolution": "480p",
        "aspect_ratio": "16:9",
        "seed": "",
        "team": membership.team.slug,
        **changes,
    }


def sent(vendor: Vendor) -> dict[str, Any]:
    """Send the next generation and return the inputs that arrived."""
    assert send_now()
    inputs: dict[str, Any] = vendor.creates[-1].json["input"]
    return inputs


class TestANewParameter:
    def test_f14_it_is_shown_in_the_studio(
        self, bob: Membership, drafting: VideoModel, sign_in: SignIn
    ) -> None:
        client = sign_in(bob)
        page = client.post("/studio/form/", typed(bob, TEST), headers=HTMX).content.decode()
        assert 'name="draft_mode"' in page
        assert "a quick look first" in page
        page = client.post("/studio/form/", typed(bob, MODEL), headers=HTMX).content.decode()
        assert "draft_mode" not in page

    def test_f14_it_starts_at_its_default_where_another_models_form_did_not_have_it(
        self, bob: Membership, drafting: VideoModel, sign_in: SignIn
    ) -> None:
        change_parameter(drafting, "draft_mode", default=True)
        drafting.save()
        client = sign_in(bob)
        names = client.get("/").context["draft"].shown_names
        for shown, value in (({"shown": "seed"}, "on"), ({"shown": f"{names},draft_mode"}, "off")):
            form = typed(bob, TEST) | shown
            draft = client.post("/studio/form/", form, headers=HTMX).context["draft"]
            assert draft.typed["draft_mode"] == value

    @pytest.mark.parametrize("switch", [{"draft_mode": "on"}, {}])
    def test_f14_it_is_ordered_in_the_portal_and_sent(
        self,
        switch: dict[str, str],
        bob: Membership,
        drafting: VideoModel,
        sign_in: SignIn,
        vendor: Vendor,
    ) -> None:
        sign_in(bob).post("/studio/submit/", typed(bob, TEST, **switch), headers=HTMX)
        assert Generation.objects.get().model == TEST
        assert sent(vendor)["draft_mode"] is bool(switch)

    def test_f14_it_is_ordered_by_the_api_and_sent(
        self, api: Api, drafting: VideoModel, vendor: Vendor
    ) -> None:
        api.accepted(model=TEST, draft_mode=True)
        assert sent(vendor)["draft_mode"] is True
        api.accepted(model=TEST)
        assert sent(vendor)["draft_mode"] is False

    def test_f14_it_is_ordered_in_a_batch_and_sent(
        self, alice: Membership, drafting: VideoModel, vendor: Vendor
    ) -> None:
        requests = [
            make_request(alice.team, model=TEST, duration=4, draft_mode=wanted)
            for wanted in (True, False)
        ]
        assert requests[0].fingerprint() != requests[1].fingerprint()
        orders = [Submission(request) for request in requests]
        submit_batch(orders, by=By.member(alice), now=timezone.now())
        assert [sent(vendor)["draft_mode"] for _ in orders] == [True, False]

    @pytest.mark.parametrize("value", [1, "on", [], {}])
    def test_f14_another_type_is_refused_in_the_envelope(
        self, api: Api, drafting: VideoModel, value: Any
    ) -> None:
        reply = api.generate(model=TEST, draft_mode=value)
        error = reply.json()["error"]
        assert (reply.status_code, error["code"]) == (400, "invalid_request")
        assert error["message"] == "'input.draft_mode' must be true or false."
        assert error["details"]["field"] == "draft_mode"

    def test_f14_another_type_is_refused_beside_the_field_and_nothing_typed_is_lost(
        self, bob: Membership, drafting: VideoModel, sign_in: SignIn
    ) -> None:
        form = typed(bob, TEST, draft_mode="perhaps", seed="7")
        reply = sign_in(bob).post("/studio/submit/", form, headers=HTMX)
        draft = reply.context["draft"]
        assert draft.errors == {"draft_mode": "The draft must be true or false."}
        assert 'id="draft_mode-error"' in reply.content.decode()
        assert draft.typed["seed"] == "7"
        assert not Generation.objects.exists()

    def test_f14_what_was_typed_into_it_survives_another_refusal(
        self, bob: Membership, drafting: VideoModel, sign_in: SignIn
    ) -> None:
        form = typed(bob, TEST, draft_mode="on", prompt=" ")
        reply = sign_in(bob).post("/studio/submit/", form, headers=HTMX)
        assert "prompt" in reply.context["draft"].errors
        [switch] = [
            control
            for control in reply.context["draft"].advanced_controls
            if control.parameter.name == "draft_mode"
        ]
        assert switch.is_on

    def test_f14_another_model_refuses_it_by_name(self, api: Api, drafting: VideoModel) -> None:
        error = api.generate(draft_mode=True).json()["error"]
        assert error["message"] == "'draft_mode' is not supported by this model."

    def test_f14_a_retry_keeps_it(
        self, alice: Membership, drafting: VideoModel, sign_in: SignIn
    ) -> None:
        failed = make_generation(alice, State.FAILED, model=TEST, draft_mode=True)
        sign_in(alice).post(f"/generations/{failed.id}/retry/")
        again = Generation.objects.get(retry_of=failed)
        assert again.body == failed.body
        assert again.body["input"]["draft_mode"] is True

    @pytest.mark.parametrize("place", ["advanced", "hidden"])
    def test_p40_a_remix_keeps_it_shown_or_not(
        self, bob: Membership, drafting: VideoModel, sign_in: SignIn, place: str
    ) -> None:
        change_parameter(drafting, "draft_mode", place=place)
        drafting.save()
        first = make_generation(bob, model=TEST, draft_mode=True)
        client = sign_in(bob)
        page = client.get(f"/?remix={first.id}")
        draft = page.context["draft"]
        assert draft.payload() == first.body
        assert 'name="draft_mode"' in page.content.decode()
        form = typed(bob, TEST, remix_of=str(first.id), **draft.typed)
        client.post("/studio/submit/", form, headers=HTMX)
        assert Generation.objects.get(remix_of=first).body == first.body

    def test_f14_a_hidden_one_is_for_the_api_alone(
        self, bob: Membership, drafting: VideoModel, sign_in: SignIn
    ) -> None:
        change_parameter(drafting, "draft_mode", place="hidden", default=True)
        drafting.save()
        client = sign_in(bob)
        page = client.post("/studio/form/", typed(bob, TEST), headers=HTMX)
        assert "draft_mode" not in page.content.decode()
        client.post("/studio/submit/", typed(bob, TEST), headers=HTMX)
        assert Generation.objects.get().body["input"]["draft_mode"] is True

    def test_f14_the_films_page_and_the_admin_show_it(
        self, alice: Membership, drafting: VideoModel, sign_in: SignIn, browser: Client
    ) -> None:
        job = make_generation(alice, model=TEST, draft_mode=True)
        facts = sign_in(alice).get(f"/generations/{job.id}/").context["facts"]
        assert ("Draft", "on") in [(fact.title, fact.words) for fact in facts]
        assert "draft_mode" in browser.get(path_of(Generation, "change", job.pk)).content.decode()
        assert "draft_mode" in browser.get(path_of(VideoModel, "changelist")).content.decode()
        assert (
            "draft_mode" in browser.get(path_of(VideoModel, "change", drafting.pk)).content.decode()
        )

    def test_f14_it_is_added_in_the_admin(self, browser: Client, alice: Membership) -> None:
        model = copied_model(TEST, "Seedance 1.5 Test")
        add_parameter(model, **DRAFT_MODE)
        body = {
            name: json.dumps(value) if isinstance(value, list | dict) else value
            for name, value in model_to_dict(model).items()
            if value is not None
        }
        assert browser.post(path_of(VideoModel, "add"), body).status_code == 302
        added = VideoModel.objects.get(name=TEST)
        assert AuditEvent.objects.filter(action="model.added", subject_id=str(added.pk)).exists()
        request = make_request(alice.team, model=TEST, draft_mode=True)
        assert request.parameters["draft_mode"] is True


class TestAParameterThatIsNotTaken:
    def test_f14_the_portal_orders_a_model_without_it_and_it_is_not_sent(
        self, bob: Membership, moving: VideoModel, sign_in: SignIn, vendor: Vendor
    ) -> None:
        client = sign_in(bob)
        page = client.post("/studio/form/", typed(bob, "moving"), headers=HTMX)
        assert "camera_fixed" not in page.content.decode()
        form = typed(bob, "moving", camera_fixed="on")
        client.post("/studio/submit/", form, headers=HTMX)
        assert Generation.objects.get().model == "moving"
        assert "camera_fixed" not in sent(vendor)

    def test_f14_a_request_that_gives_it_is_refused_by_name(
        self, api: Api, moving: VideoModel, vendor: Vendor
    ) -> None:
        for value in (True, False):
            error = api.generate(model="moving", camera_fixed=value).json()["error"]
            assert error["message"] == "'camera_fixed' is not supported by this model."
            assert error["details"]["field"] == "camera_fixed"
        api.accepted(model="moving", camera_fixed=None)
        assert "camera_fixed" not in sent(vendor)

    @pytest.mark.parametrize(
        "name", ["aspect_ratio", "generate_audio", "watermark", "camera_fixed", "seed"]
    )
    def test_f14_whatever_has_no_price_may_be_missing(
        self, name: str, bob: Membership, sign_in: SignIn, vendor: Vendor, browser: Client
    ) -> None:
        model = copied_model("without", "Seedance Without")
        drop_parameter(model, name)
        model.save(force_insert=True)
        client = sign_in(bob)
        form = typed(bob, "without", watermark="on", seed="7", camera_fixed="on")
        page = client.post("/studio/form/", form, headers=HTMX).content.decode()
        assert f'name="{name}"' not in page
        client.post("/studio/submit/", form, headers=HTMX)
        job = Generation.objects.get()
        assert name not in sent(vendor)
        for path in (f"/generations/{job.id}/", f"/generations/{job.id}/receipt/", "/"):
            assert client.get(path).status_code == 200
        for page_of_admin in (
            path_of(Generation, "changelist"),
            path_of(Generation, "change", job.pk),
        ):
            assert browser.get(page_of_admin).status_code == 200

    def test_f14_a_model_that_is_not_asked_for_sound_offers_none_and_misses_none(
        self, alice: Membership, sign_in: SignIn, vendor: Vendor, api: Api
    ) -> None:
        model = copied_model("without", "Seedance Without")
        drop_parameter(model, "generate_audio")
        model.save(force_insert=True)
        film = completed(
            alice, vendor, film_bytes(audio=True), model="without", generate_audio=None
        )
        assert kept(film).differs == ""
        reply = api.generate(model="without", resolution="1080p", duration=12)
        assert reply.status_code == 200
        Rate.objects.filter(model="without", resolution="1080p").update(credits_per_second=900)
        refused = api.generate(model="without", resolution="1080p", duration=12)
        [first, *_] = refused.json()["error"]["details"]["variants"]
        assert set(first) == {"duration", "resolution", "credits"}


class TestAChoiceLeftToTheVendor:
    @pytest.fixture
    def adaptive(self, db: None) -> VideoModel:
        """A model that may choose the ratio itself."""
        model = copied_model("adaptive", "Seedance Adaptive")
        ratios = ["16:9", "9:16", "adaptive"]
        change_parameter(
            model,
            "aspect_ratio",
            choices=ratios,
            default="adaptive",
            left_to_vendor=["adaptive"],
        )
        model.save(force_insert=True)
        return model

    @pytest.mark.parametrize(
        ("ratio", "reported", "differs"),
        [
            ("adaptive", "16:9", False),
            ("adaptive", "9:16", False),
            ("16:9", "16:9", False),
            ("9:16", "16:9", True),
        ],
    )
    def test_f14_what_the_vendor_chose_is_no_difference(
        self,
        alice: Membership,
        vendor: Vendor,
        adaptive: VideoModel,
        ratio: str,
        reported: str,
        differs: bool,
    ) -> None:
        order: dict[str, Any] = {
            "duration": 4,
            "resolution": "480p",
            "generate_audio": False,
            "ratio": ratio,
        }
        task = vendor.add_task()
        job = make_generation(
            alice, State.PROCESSING, upstream_id=task, model=adaptive.name, **order
        )
        vendor.finish(task, film_bytes(), ratio=reported)
        poll_due()
        film = kept(Film.objects.get(pk=job.pk))
        job = Generation.objects.get(pk=job.pk)
        assert job.metadata_differs is differs
        assert bool(film.differs) is differs
        assert status_of(job).note.startswith("Not exactly as requested") is differs


def test_f14_a_row_that_cannot_be_read_stops_neither_paid_films_nor_other_models(
    alice: Membership, vendor: Vendor, moving: VideoModel, api: Api, browser: Client
) -> None:
    task = vendor.add_task()
    job = make_generation(alice, State.PROCESSING, upstream_id=task)
    VideoModel.objects.filter(name=MODEL).update(parameters=[{"name": "x"}])
    vendor.finish(task, b"film")
    poll_due()
    job.refresh_from_db()
    assert (job.state, job.metadata_differs) == (State.COMPLETED, False)
    api.accepted(model="moving")
    assert browser.get(path_of(VideoModel, "changelist")).status_code == 200
    broken = VideoModel.objects.get(name=MODEL)
    assert browser.get(path_of(VideoModel, "change", broken.pk)).status_code == 200


def test_f14_a_row_that_cannot_be_read_is_not_offered_and_cannot_be_ordered(
    alice: Membership, moving: VideoModel, api: Api, sign_in: SignIn
) -> None:
    VideoModel.objects.filter(name=MODEL).update(parameters=[{"name": "x"}])
    page = sign_in(alice).get("/")
    assert page.status_code == 200
    assert moving.title in page.content.decode()
    refused = api.generate(model=MODEL)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")


def test_f14_an_alias_is_refused_with_its_parameter(alice: Membership) -> None:
    model = copied_model("square", "Seedance Square")
    drop_parameter(model, "aspect_ratio")
    model.save(force_insert=True)
    for name in ("aspect_ratio", "ratio"):
        body = generation_body(model="square", **{name: "1:1"})
        with pytest.raises(InvalidRequest) as caught:
            validate_request(body, team=alice.team, now=timezone.now())
        assert caught.value.message == f"'{name}' is not supported by this model."
