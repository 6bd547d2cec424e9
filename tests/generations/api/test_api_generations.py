"""`POST /v1/videos/generations`."""

import json
from typing import Any
from uuid import UUID

import pytest
from django_q.models import OrmQ

from accounts.models import Membership
from billing.models import Hold, Transfer
from billing.selectors import Books, books_of
from generations.models import Generation, ProviderKey
from generations.selectors import events_of
from tests.factories import fund, make_api_key, make_member, make_provider_key
from tests.support.api import GENERATIONS, MODEL, Api, generation_body

pytestmark = pytest.mark.django_db


def stored(reply: Any) -> Generation:
    """Return the generation that an answer names."""
    return Generation.objects.get(pk=reply.json()["data"]["taskId"])


def test_the_answer_is_the_vendors(api: Api) -> None:
    reply = api.generate()
    assert reply.status_code == 200
    body = reply.json()
    task_id = body["data"]["taskId"]
    assert body == {"code": 200, "msg": "success", "data": {"taskId": task_id}}
    assert str(UUID(task_id)) == task_id


@pytest.mark.parametrize(
    "inputs",
    [
        {
            "prompt": "A girl walking through a neon city at night, cinematic camera movement",
            "duration": 5,
            "aspect_ratio": "16:9",
            "resolution": "720p",
            "generate_audio": True,
        },
        {
            "prompt": "The camera slowly pushes in. The character smiles and turns.",
            "image_urls": ["https://example.com/first-frame.jpg"],
            "duration": 8,
            "aspect_ratio": "9:16",
            "resolution": "720p",
            "generate_audio": True,
        },
        {
            "prompt": "Animate the transition from the first frame to the final frame.",
            "image_urls": [
                {"url": "https://example.com/first-frame.jpg"},
                {"url": "https://example.com/last-frame.jpg"},
            ],
            "duration": 8,
            "aspect_ratio": "9:16",
            "resolution": "1080p",
            "generate_audio": False,
        },
    ],
)
def test_the_examples_of_the_vendors_page_work(api: Api, inputs: dict[str, Any]) -> None:
    body = {"model": MODEL, "callback_url": "https://your-server.com/webhook", "input": inputs}
    generation = stored(api.post(GENERATIONS, body))
    assert generation.prompt == inputs["prompt"]
    assert generation.callback_url == "https://your-server.com/webhook"
    assert generation.credits_per_second * inputs["duration"] == generation.credits


@pytest.mark.parametrize(
    ("inputs", "credits"),
    [
        ({}, 70),
        ({"resolution": "720p", "duration": 5, "generate_audio": True}, 70),
        ({"resolution": "1080p", "duration": 8, "generate_audio": False}, 120),
        ({"resolution": "480p", "duration": 12, "generate_audio": True}, 84),
        ({"resolution": "480p", "duration": 4, "generate_audio": False}, 12),
        ({"resolution": "1080p", "duration": 12, "generate_audio": True}, 360),
    ],
)
def test_p02_the_price_is_held_before_anything_is_sent(
    api: Api, alice: Membership, inputs: dict[str, Any], credits: int
) -> None:
    generation = stored(api.generate(**inputs))
    assert generation.credits == generation.hold.amount == credits
    assert books_of(alice.team) == Books(
        granted=1000, available=1000 - credits, held=credits, spent=0
    )


def test_p18_rate_seconds_and_total_are_frozen(api: Api) -> None:
    generation = stored(api.generate(duration=7))
    assert (generation.credits_per_second, generation.duration, generation.credits) == (14, 7, 98)
    assert generation.rate.credits_per_second == 14


@pytest.mark.django_db(transaction=True)
def test_what_is_admitted_is_queued_and_wakes_the_dispatch(api: Api, alice: Membership) -> None:
    generation = stored(api.generate())
    assert generation.state == "queued"
    assert generation.user == alice.user
    assert generation.api_key is not None
    tasks = [order.task for order in OrmQ.objects.all()]
    assert [(task["func"], task["args"]) for task in tasks] == [
        ("generations.dispatch.steps.dispatch_step", ())
    ]


def test_p35_events_and_entries_name_the_person_and_the_key(api: Api, alice: Membership) -> None:
    generation = stored(api.generate())
    assert generation.api_key
    name = f"user:{alice.user_id}/api_key:{generation.api_key.pk}"
    assert [event.actor for event in events_of(generation)] == [name]
    assert Transfer.objects.get(hold=generation.hold).actor == name


@pytest.mark.parametrize("prompt", ["一只猫在雪地里", "🎬🐈", "x" * 10_000, "\u202eabc", "a\r\nb"])
def test_any_text_arrives_unchanged(api: Api, prompt: str) -> None:
    assert stored(api.generate(prompt)).prompt == prompt
    # Escaped, as many clients write it.
    escaped = json.dumps(generation_body(prompt), ensure_ascii=True).encode()
    assert stored(api.post(GENERATIONS, escaped)).prompt == prompt


@pytest.mark.parametrize(
    "inputs",
    [
        {"prompt": None},
        {"prompt": ""},
        {"prompt": "x" * 20_000},
        {"prompt": "a\0b"},
        {"duration": 3},
        {"duration": 13},
        {"duration": "5"},
        {"duration": 5.5},
        {"duration": True},
        {"seed": -2},
        {"seed": 2**32},
        {"ratio": "1:1", "aspect_ratio": "16:9"},
        {"image_urls": ["https://example.com/1.jpg"] * 3},
        {"image_urls": ["ftp://example.com/1.jpg"]},
        {"image_urls": ["file:///etc/passwd"]},
        {"image_urls": ["http://127.0.0.1/1.jpg"]},
        {"image_urls": ["http://10.1.2.3/1.jpg"]},
        {"image_urls": [{"uri": "https://example.com/1.jpg"}]},
        {"video_urls": ["https://example.com/1.mp4"]},
        {"web_search": True},
        {"return_last_frame": True},
        {"fps": 60},
        {"callback_url": "http://localhost/hook"},
    ],
    ids=str,
)
def test_a_refused_request_leaves_no_trace(
    api: Api, alice: Membership, inputs: dict[str, Any]
) -> None:
    reply = api.generate(**inputs)
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "invalid_request"
    assert not Generation.objects.exists()
    assert not Hold.objects.exists()
    assert not OrmQ.objects.exists()
    assert books_of(alice.team).held == 0


class TestIdempotency:
    """The twice test: the same key and body, the first answer."""

    def test_the_same_key_and_body_get_the_same_answer(self, api: Api, alice: Membership) -> None:
        first = api.generate(headers={"Idempotency-Key": "order-1"})
        second = api.generate(headers={"Idempotency-Key": "order-1"})
        assert (second.status_code, second.content) == (200, first.content)
        assert Generation.objects.count() == 1
        assert books_of(alice.team).held == 70

    def test_the_same_body_written_otherwise_is_the_same(self, api: Api) -> None:
        first = api.generate(headers={"Idempotency-Key": "order-1"})
        again = api.generate(
            ratio="16:9", duration=5, seed=None, headers={"Idempotency-Key": "order-1"}
        )
        assert again.content == first.content

    def test_another_body_is_a_conflict(self, api: Api) -> None:
        api.generate(headers={"Idempotency-Key": "order-1"})
        reply = api.generate(duration=6, headers={"Idempotency-Key": "order-1"})
        assert reply.status_code == 409
        error = reply.json()["error"]
        assert (error["code"], error["type"]) == ("invalid_request", "invalid_request_error")
        assert Generation.objects.count() == 1

    def test_the_key_counts_before_the_credits(self, api: Api, alice: Membership) -> None:
        first = api.generate(headers={"Idempotency-Key": "order-1"})
        while api.generate(duration=12, resolution="1080p").status_code == 200:
            pass
        while api.generate(duration=4).status_code == 200:
            pass
        again = api.generate(headers={"Idempotency-Key": "order-1"})
        assert (again.status_code, again.content) == (200, first.content)

    def test_a_key_of_another_team_is_another_key(self, api: Api, stranger_api: Api) -> None:
        first = api.generate(headers={"Idempotency-Key": "order-1"})
        theirs = stranger_api.generate(duration=6, headers={"Idempotency-Key": "order-1"})
        assert theirs.status_code == 200
        assert theirs.content != first.content

    def test_a_refused_request_does_not_use_its_key_up(self, api: Api, alice: Membership) -> None:
        body: dict[str, Any] = {"duration": 12, "resolution": "1080p"}
        for _ in range(2):
            api.generate(**body)
        refused = api.generate(**body, headers={"Idempotency-Key": "order-1"})
        assert refused.status_code == 402
        fund(alice.team, 1000)
        reply = api.generate(**body, headers={"Idempotency-Key": "order-1"})
        assert reply.status_code == 200

    def test_without_a_key_two_posts_are_two_generations(self, api: Api) -> None:
        assert api.accepted() != api.accepted()


class TestWhoseKeySends:
    def test_ones_own_provider_key_goes_before_the_teams(self, api: Api, alice: Membership) -> None:
        own = make_provider_key(alice.team, alice.user)
        assert stored(api.generate()).provider_key == own

    def test_a_colleague_without_one_sends_with_the_teams(
        self, alice: Membership, bob: Membership, provider_key: ProviderKey
    ) -> None:
        make_provider_key(alice.team, alice.user)
        reply = Api(make_api_key(bob).text).generate()
        assert stored(reply).provider_key == provider_key

    def test_p36_a_paused_key_still_takes_jobs(self, api: Api, provider_key: ProviderKey) -> None:
        ProviderKey.objects.update(state="paused", pause_reason="by_hand")
        assert api.generate().status_code == 200


class TestWhoMay:
    @pytest.mark.parametrize(
        ("role", "status"), [("owner", 200), ("manager", 200), ("member", 200), ("viewer", 403)]
    )
    def test_everybody_but_viewers_submits(
        self, alice: Membership, provider_key: ProviderKey, role: str, status: int
    ) -> None:
        member = make_member(alice.team, role)
        assert Api(make_api_key(member).text).generate().status_code == status

    def test_p32_a_stranger_spends_their_own_teams_credits(
        self, api: Api, stranger_api: Api, alice: Membership, charlie: Membership
    ) -> None:
        stranger_api.accepted()
        assert books_of(alice.team).held == 0
        assert books_of(charlie.team).held == 70
