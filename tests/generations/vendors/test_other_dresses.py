"""What the vendor says in other names and wrappers than its page's is heard all the same (F9)."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Membership
from billing.selectors import books_of
from generations.lifecycle import Ending, State
from generations.models import Film, Generation
from generations.polling.outcome import DEADLINE
from generations.vendors import (
    ProviderRefused,
    ProviderUnclear,
    RefusalKind,
    TaskStatus,
    TaskUnknown,
    vendor_named,
)
from tests.factories import make_generation
from tests.support.keeping import ORDER
from tests.support.provider_client import BODY, client, create_at
from tests.support.sending import send_now
from tests.support.steps import make_due, poll_due
from tests.support.vendor import CREATE, CREDITS, TASKS, Vendor, running_vendor, say
from tests.support.working import CHEAP, working

LINK = "https://film.example/videos/1.mp4"
OTHER = "https://film.example/videos/2.mp4"
DONE: dict[str, Any] = {"id": "t-1", "status": "completed"}


@pytest.fixture
def wire() -> Iterator[Vendor]:
    with running_vendor() as vendor:
        yield vendor


def looked(wire: Vendor, data: Any) -> Any:
    wire.next(f"{TASKS}t-1", say(200, data))
    return client(wire.url).get_task("t-1")


@pytest.mark.parametrize(
    "said",
    [
        {"output": {"urls": [LINK]}},
        {"output": {"urls": LINK}},
        {"output": {"urls": [{"url": LINK}]}},
        {"output": {"urls": {"url": LINK}}},
        {"output": {"urls": [[LINK]]}},
        {"output": {"urls": [{"video_url": LINK, "cover": OTHER}]}},
        {"output": {"urls": [None, {"size": 1}, {"href": LINK}]}},
        {"output": {"url": LINK}},
        {"output": {"video_url": LINK}},
        {"output": {"videos": [{"url": LINK, "id": 7}]}},
        {"output": {"video": {"url": LINK}}},
        {"output": {"urls": [], "video_url": LINK}},
        {"output": [LINK]},
        {"output": [{"url": LINK}]},
        {"output": LINK},
        {"result": {"video_url": LINK}},
        {"video_url": LINK},
        {"videoUrl": LINK},
        {"output": {"metadata": {}}, "video_urls": [LINK]},
    ],
    ids=str,
)
def test_f09_a_films_link_is_found_in_any_dress(wire: Vendor, said: dict[str, Any]) -> None:
    report = looked(wire, DONE | said)
    assert (report.status, report.urls, report.link_problem) == ("completed", (LINK,), "")


@pytest.mark.parametrize(
    "said",
    [
        {"output": {"urls": [7]}},
        {"output": {"urls": [{"path": "videos/1.mp4"}]}},
        {"output": {"urls": {"a": {"b": 1}}}},
        {"output": {"files": [LINK]}},
        {"output": {"clip": {"location": LINK}}},
        {"output": {"urls": [[[[[[LINK]]]]]]}},
        {"output": {"urls": True}},
    ],
    ids=str,
)
def test_f09_what_cannot_be_read_is_no_answer_without_a_film(
    wire: Vendor, said: dict[str, Any]
) -> None:
    with pytest.raises(ProviderUnclear):
        looked(wire, DONE | said)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"output": None},
        {"output": {}},
        {"output": []},
        {"output": {"urls": []}},
        {"output": {"urls": None, "metadata": {"ratio": "16:9"}}},
        {"output": {"urls": [None]}},
        {"output": {"urls": [], "cover": OTHER}},
        {"callback_url": OTHER, "output": {"metadata": {}}},
    ],
    ids=str,
)
def test_f09_p29_what_holds_nothing_is_an_answer_without_a_film(
    wire: Vendor, said: dict[str, Any]
) -> None:
    report = looked(wire, DONE | said)
    assert (report.status, report.urls, report.link_problem) == ("completed", (), "")


@pytest.mark.parametrize(
    "answer",
    [
        DONE,
        {"code": 200, "msg": "success", "data": DONE},
        {"code": "200", "data": [DONE]},
        {"data": {"data": DONE}},
        {"status": "ok", "data": DONE},
        {"id": "request-9", "data": DONE},
        {"result": DONE},
        [DONE],
        {"taskId": "t-1", "status": "completed"},
        {"task_id": "t-1", "status": "completed"},
        DONE | {"status": "COMPLETED"},
        DONE | {"status": " Completed "},
    ],
    ids=str,
)
def test_f09_a_task_is_found_in_any_wrapper(wire: Vendor, answer: Any) -> None:
    assert looked(wire, answer).status == TaskStatus.COMPLETED


def test_f09_an_id_of_digits_is_one_whether_in_quotes_or_not(wire: Vendor) -> None:
    wire.next(f"{TASKS}81", say(200, {"id": 81, "status": "pending"}))
    assert client(wire.url).get_task("81").id == "81"


@pytest.mark.parametrize(
    "said",
    [
        1_700_000_000,
        1_700_000_000.0,
        "1700000000",
        "1700000000.0",
        1_700_000_000_000,
        "1700000000000",
        "2023-11-14T22:13:20Z",
        "2023-11-14T23:13:20+01:00",
    ],
)
def test_f09_a_time_is_one_in_any_notation(wire: Vendor, said: Any) -> None:
    report = looked(wire, DONE | {"created_at": said, "completed_at": said})
    assert (report.created_at, report.completed_at) == (1_700_000_000, 1_700_000_000)


@pytest.mark.parametrize("said", ["yesterday", "2023-11-14", "2023-11-14T22:13:20", "1e9", [1], ""])
def test_f09_what_is_no_clear_time_is_left_out(wire: Vendor, said: Any) -> None:
    assert looked(wire, DONE | {"created_at": said}).created_at is None


def test_f09_metadata_in_quotes_are_what_they_say(wire: Vendor) -> None:
    said = {"seed": "41485", "duration": "5", "framespersecond": "24", "generate_audio": "False"}
    report = looked(wire, DONE | {"output": {"urls": [LINK], "metadata": {**said, "ratio": "9"}}})
    assert report.metadata == {
        "seed": 41485,
        "duration": 5,
        "framespersecond": 24,
        "generate_audio": False,
        "ratio": "9",
    }


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        ("Too dark.", "", "Too dark."),
        ({"code": "dark", "msg": "Too dark."}, "dark", "Too dark."),
        ({"code": 400, "reason": "Too dark."}, "400", "Too dark."),
        ([{"code": "dark", "message": "Too dark."}, {"code": "b"}], "dark", "Too dark."),
        (["Too dark."], "", "Too dark."),
        ({"detail": "Too dark."}, "", "Too dark."),
    ],
    ids=str,
)
def test_f09_a_failures_reason_is_heard_in_any_dress(
    wire: Vendor, error: Any, code: str, message: str
) -> None:
    report = looked(wire, {"id": "t-1", "status": "FAILED", "error": error})
    assert report.status == TaskStatus.FAILED
    assert (report.error_code, report.error_message) == (code, message)


@pytest.mark.parametrize(
    "data",
    [
        {"code": 200, "msg": "success", "data": {"taskId": "t-9"}},
        {"code": 200, "data": {"task_id": "t-9"}},
        {"code": 200, "data": {"id": "t-9"}},
        {"code": "200", "data": [{"taskId": "t-9"}]},
        {"code": 200, "data": {"data": {"taskId": "t-9"}}},
        {"code": 200, "data": "t-9"},
        {"taskId": "t-9"},
        {"id": "t-9", "status": "pending"},
        {"id": "request-1", "data": {"taskId": "t-9"}},
        {"code": 500, "msg": "late", "data": {"taskId": "t-9"}},
    ],
    ids=str,
)
def test_f09_a_create_hears_its_id_in_any_dress(wire: Vendor, data: Any) -> None:
    wire.next(CREATE, say(200, data))
    assert client(wire.url).create_task(BODY) == "t-9"


@pytest.mark.parametrize(
    "data",
    [
        {"code": 200, "data": {"job": "t-9"}},
        {"code": 200, "data": "The task was created"},
        {"code": 200, "data": ["t-9"]},
        {"code": 200, "data": 9},
        {"ok": True},
    ],
    ids=str,
)
def test_f09_p22_a_create_that_may_have_been_accepted_is_not_sent_again(
    wire: Vendor, data: Any
) -> None:
    wire.next(CREATE, say(200, data))
    assert isinstance(create_at(wire.url), ProviderUnclear)


@pytest.mark.parametrize(
    ("status", "data", "kind"),
    [
        (200, {"code": 400, "msg": "image too small", "data": None}, RefusalKind.REQUEST),
        (200, {"code": "400", "msg": "image too small"}, RefusalKind.REQUEST),
        (200, {"code": 400, "message": "image too small", "data": {}}, RefusalKind.REQUEST),
        (200, {"code": 422, "msg": "image too small"}, RefusalKind.REQUEST),
        (200, {"code": 400, "error": "image too small"}, RefusalKind.REQUEST),
        (200, {"code": 400, "msg": "image too small", "data": {"id": "r-1"}}, "request"),
        (200, {"error": {"code": 400, "message": "image too small"}}, RefusalKind.REQUEST),
        (200, {"error": {"code": "invalid_request", "message": "image too small"}}, "request"),
        (200, {"code": "invalid_request", "msg": "image too small"}, RefusalKind.REQUEST),
        (400, {"error": "image too small"}, RefusalKind.REQUEST),
        (400, {"error": {"message": "image too small"}}, RefusalKind.REQUEST),
        (400, {"errors": [{"message": "image too small"}]}, RefusalKind.REQUEST),
        (400, {"code": 400, "msg": "image too small", "data": None}, RefusalKind.REQUEST),
        (200, {"code": 402, "msg": "image too small", "data": None}, RefusalKind.KEY),
        (200, {"code": 401, "msg": "image too small", "data": None}, RefusalKind.KEY),
        (200, {"code": 429, "msg": "image too small", "data": None}, RefusalKind.TOO_FAST),
        (200, {"code": 503, "msg": "image too small", "data": None}, RefusalKind.PASSING),
        (200, {"code": 1001, "msg": "image too small", "data": None}, RefusalKind.PASSING),
        (200, {"success": False, "message": "image too small"}, RefusalKind.PASSING),
        (200, {"error": "image too small"}, RefusalKind.PASSING),
    ],
    ids=str,
)
def test_f09_a_refusal_keeps_its_reason_in_any_dress(
    wire: Vendor, status: int, data: Any, kind: RefusalKind
) -> None:
    wire.next(CREATE, say(status, data))
    error = create_at(wire.url)
    assert isinstance(error, ProviderRefused)
    assert (error.message, error.kind) == ("image too small", kind)


def test_f09_moderation_is_known_in_any_dress(wire: Vendor) -> None:
    words = "The input contains sensitive content"
    wire.next(CREATE, say(200, {"code": 503, "msg": words, "data": None}))
    error = create_at(wire.url)
    assert isinstance(error, ProviderRefused)
    assert error.kind == RefusalKind.CONTENT


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (500, {"error": "Internal Server Error", "status": 500}),
        (502, {"code": 502, "msg": "Bad gateway", "data": None}),
        (504, {"code": "gateway_timeout", "message": "Upstream timed out"}),
        (408, {"error": "Request timeout"}),
        (502, {"code": 400, "msg": "image too small"}),
        (429, {"message": "Too Many Requests"}),
        (500, {"error": {"message": "boom"}}),
    ],
    ids=str,
)
def test_f09_p22_what_stands_between_proves_nothing(wire: Vendor, status: int, data: Any) -> None:
    wire.next(CREATE, say(status, data))
    assert isinstance(create_at(wire.url), ProviderUnclear)


@pytest.mark.parametrize("status", [200, 401])
def test_f09_a_look_hears_a_refusal_in_any_dress(wire: Vendor, status: int) -> None:
    data = {"code": 401, "msg": "No such key", "data": None}
    for path, ask in ((f"{TASKS}t-1", "get_task"), (CREDITS, "get_credits")):
        wire.next(path, say(status, data))
        with pytest.raises(ProviderRefused, match="No such key") as caught:
            getattr(client(wire.url), ask)(*(["t-1"] if ask == "get_task" else []))
        assert caught.value.kind == RefusalKind.KEY


def test_f09_p28_only_the_vendors_word_says_that_a_task_is_unknown(wire: Vendor) -> None:
    wire.next(f"{TASKS}t-1", say(200, {"code": "task_not_found", "msg": "No."}))
    with pytest.raises(TaskUnknown):
        client(wire.url).get_task("t-1")
    wire.next(f"{TASKS}t-1", say(200, {"code": 404, "msg": "No route."}))
    with pytest.raises(ProviderRefused) as caught:
        client(wire.url).get_task("t-1")
    assert type(caught.value) is ProviderRefused


@pytest.mark.parametrize(
    "data",
    [
        {"code": 200, "data": {"balance": "12", "total_consumed": "3"}},
        {"code": 200, "data": [{"balance": 12, "total_consumed": 3}]},
        {"data": {"data": {"credits": 12, "total_consumed": 3}}},
        {"balance": 12, "total_consumed": "3.0"},
    ],
    ids=str,
)
def test_f09_the_meter_is_read_in_any_dress(wire: Vendor, data: Any) -> None:
    wire.next(CREDITS, say(200, data))
    meter = client(wire.url).get_credits()
    assert (meter.balance, meter.total_consumed, meter.problem) == (12, 3, "")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b'{"id": "t-1"}'),
        ({}, b'{"data": {"id": "t-1", "status": "completed"}}'),
        ({}, b'{"taskId": "t-1"}'),
        ({}, b'{"data": [{"task_id": "t-1"}]}'),
        ({}, b'{"id": "event-9", "data": {"id": "t-1", "status": "failed"}}'),
        ({"X-Task-Id": "t-1"}, b""),
        ({"X-Task-Id": "t-1"}, b'{"event": "task.completed"}'),
    ],
    ids=str,
)
def test_f09_a_callback_names_its_task_in_any_dress(headers: dict[str, str], body: bytes) -> None:
    assert vendor_named("aivideoapi").read_callback(headers, body).task_id == "t-1"


@pytest.mark.django_db
@pytest.mark.usefixtures("provider_key")
class TestInTheBooks:
    def test_f09_a_link_in_an_object_is_a_film_to_keep(
        self, alice: Membership, vendor: Vendor
    ) -> None:
        job = working(alice, vendor, **ORDER)
        vendor.finish(vendor.only_task, urls=[{"url": LINK}])  # type: ignore[list-item]
        make_due(job)
        poll_due()
        film = Film.objects.get(generation=job)
        assert (film.state, film.source_url) == (Film.State.PENDING, LINK)

    def test_f09_a_link_that_cannot_be_read_ends_in_review_with_its_credits_held(
        self, alice: Membership, vendor: Vendor
    ) -> None:
        job = working(alice, vendor, **ORDER)
        vendor.finish(vendor.only_task, urls=[{"path": "1.mp4"}])  # type: ignore[list-item]
        make_due(job)
        poll_due()
        job.refresh_from_db()
        assert (job.state, job.poll_failures) == (State.PROCESSING, 1)
        Generation.objects.filter(pk=job.pk).update(accepted_at=timezone.now() - DEADLINE * 2)
        make_due(job)
        poll_due()
        job.refresh_from_db()
        assert (job.state, books_of(alice.team).held) == (State.NEEDS_REVIEW, job.credits)
        assert not Film.objects.exists()
        vendor.finish(vendor.only_task, urls=[LINK])
        make_due(job)
        poll_due()
        assert Film.objects.get(generation=job).source_url == LINK

    def test_f09_a_refusal_under_http_200_is_said_and_not_sent_again(
        self, alice: Membership, vendor: Vendor
    ) -> None:
        job = make_generation(alice, **CHEAP)
        vendor.always(CREATE, say(200, {"code": 400, "msg": "image too small", "data": None}))
        send_now()
        job.refresh_from_db()
        assert (job.state, job.ending) == (State.FAILED, Ending.REFUSED)
        assert (job.error_code, job.error_message) == ("invalid_request", "image too small")
        assert books_of(alice.team).held == 0
        assert len(vendor.creates) == 1
