"""Whatever the vendor says of a task can be stored: no paid task is polled forever (F17, P29).

Each answer comes over the wire, is acted on by a poll, and is written to either database.
"""

import json
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Membership
from billing.selectors import books_of
from generations.archive.keep import keep_again
from generations.lifecycle import State
from generations.models import Film, Generation
from generations.reports.audit import audit_site
from generations.task_object import task_object
from tests.factories import SYSTEM
from tests.support.films import film_bytes
from tests.support.keeping import ORDER, completed, kept
from tests.support.steps import make_due, poll_due
from tests.support.vendor import TASKS, Vendor, say
from tests.support.working import working

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.both_databases,
    pytest.mark.usefixtures("provider_key"),
]

GOOD = "https://film.example/videos/1.mp4"
# By what is wrong with them, in words that people read.
UNUSABLE: dict[str, tuple[Any, str]] = {
    "endless": (f"{GOOD}?signature={'x' * 9000}", "longer than 8,192 characters"),
    "nul": ("https://film.example/\0.mp4", "invisible characters"),
    "lone surrogate": ("https://film.example/\ud800.mp4", "invisible characters"),
    "escape": ("https://film.example/\x1b[2J.mp4", "invisible characters"),
    "two lines": ("https://film.example/a\nb.mp4", "invisible characters"),
    "turned": ("https://film.example/\u202egnp.mp4", "invisible characters"),
    "another scheme": ("ftp://film.example/1.mp4", "must start with http"),
    "a file": ("file:///etc/passwd", "must start with http"),
    "words": ("The film is ready.", "must start with http"),
    "no host": ("http://", "no valid host"),
    "half a host": ("https://[::1", "cannot be read"),
    "a password": ("https://user:hunter2@film.example/1.mp4", "user name or password"),
    "a port beyond": ("https://film.example:99999/1.mp4", "port"),
    "empty text": ("", "must start with http"),
}


@pytest.fixture
def job(alice: Membership, vendor: Vendor) -> Generation:
    """A generation that the vendor works on."""
    return working(alice, vendor, **ORDER)


def polled(job: Generation) -> Generation:
    make_due(job)
    poll_due()
    return Generation.objects.select_related("film", "hold").get(pk=job.pk)


def events_of(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    records: list[Any] = [record.msg for record in caplog.records]
    return [one for one in records if isinstance(one, dict) and one["event"] == name]


@pytest.mark.parametrize(("link", "problem"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_f17_p29_a_link_that_cannot_be_used_settles_and_is_flagged(
    job: Generation, vendor: Vendor, link: Any, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.finish(vendor.only_task, urls=[link])
    job = polled(job)
    assert (job.state, job.hold.settled, books_of(job.team).spent) == (State.COMPLETED, 12, 12)
    assert (job.film.state, job.next_poll_at) == (Film.State.GIVEN_UP, None)
    assert job.film.problem.startswith("The vendor's link to the film cannot be used. The URL")
    assert problem in job.film.problem
    assert task_object(job)["output"]["film_lost"] == job.film.problem
    assert list(audit_site()) == []
    [event] = events_of(caplog, "film_without_link")
    assert (event["generation_id"], event["problem"]) == (str(job.pk), job.film.problem)
    assert 2 < len(event["said"]) <= 300
    for secret in ("hunter2", "signature"):
        assert secret not in str(event)


@pytest.mark.parametrize("urls", [[], None, {}, "", 0, False, [None]], ids=repr)
def test_f17_p29_no_link_at_all_settles_and_is_flagged(
    job: Generation, vendor: Vendor, urls: Any
) -> None:
    vendor.finish(vendor.only_task, urls=[])
    vendor.tasks[vendor.only_task]["output"]["urls"] = urls
    job = polled(job)
    assert (job.state, job.film.state) == (State.COMPLETED, Film.State.GIVEN_UP)
    assert job.film.problem == "The vendor completed the task without a link to the film."


@pytest.mark.parametrize(
    "urls",
    [
        [link for link, _ in UNUSABLE.values()] + [GOOD, "https://film.example/2.mp4"],
        [f"  {GOOD}\n"],
        [GOOD] * 5000,
    ],
    ids=["after bad ones", "white space around it", "five thousand"],
)
def test_f17_the_first_link_that_can_be_used_is_taken(
    job: Generation, vendor: Vendor, urls: list[Any]
) -> None:
    vendor.finish(vendor.only_task, urls=urls)
    job = polled(job)
    assert (job.film.state, job.film.source_url) == (Film.State.PENDING, GOOD)


def test_f17_a_presigned_link_of_thousands_of_characters_is_fetched(
    alice: Membership, vendor: Vendor
) -> None:
    path = f"/files/1.mp4?X-Amz-Security-Token={'x' * 7000}&X-Amz-Signature=1"
    vendor.files[path] = film_bytes()
    film = completed(alice, vendor, urls=[f"{vendor.url}{path}"])
    assert film.source_url == f"{vendor.url}{path}"
    assert kept(film).state == Film.State.KEPT


def test_f17_a_space_in_a_link_is_sent_encoded(alice: Membership, vendor: Vendor) -> None:
    vendor.files["/files/my%20film.mp4"] = film_bytes()
    film = completed(alice, vendor, urls=[f"{vendor.url}/files/my film.mp4"])
    assert kept(film).state == Film.State.KEPT


def test_f17_a_fresh_link_that_is_long_is_fetched_and_one_that_cannot_be_used_is_told_of(
    alice: Membership, vendor: Vendor
) -> None:
    film = completed(alice, vendor, urls=[])
    keep_again(film, by=SYSTEM, now=timezone.now())
    vendor.finish(vendor.only_task, urls=["https://film.example/\0.mp4"])
    kept(film, times=5)
    assert film.state == Film.State.GIVEN_UP
    assert "cannot be used" in film.problem

    keep_again(film, by=SYSTEM, now=timezone.now())
    path = f"/files/1.mp4?token={'x' * 7000}"
    vendor.files[path] = film_bytes()
    vendor.finish(vendor.only_task, urls=[f"{vendor.url}{path}"])
    assert kept(film).state == Film.State.KEPT


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        ({"code": "a" * 500, "message": "m" * 500_000}, "a" * 60, "m" * 2000),
        ({"code": "东" * 500, "message": "方" * 9000}, "东" * 60, "方" * 2000),
        ({"code": "a\0b\ud800", "message": "\0\ud800\x1b[2Jx\ny"}, "ab\ufffd", "\ufffd[2Jx y"),
        ({"code": "\0", "message": "\n"}, "upstream_error", "The vendor gave no reason."),
        ({"code": ["a"], "message": {"b": 1}}, "upstream_error", "The vendor gave no reason."),
        ({"code": 500, "message": 1e300}, "500", "The vendor gave no reason."),
        ({"code": True, "message": None}, "upstream_error", "The vendor gave no reason."),
        ("It broke.", "upstream_error", "It broke."),
        ([["code", "x"]], "upstream_error", "The vendor gave no reason."),
    ],
    ids=["long", "long Chinese", "unclean", "blank", "nested", "numbers", "odd", "text", "list"],
)
def test_f17_a_failure_of_any_words_is_refunded(
    job: Generation, vendor: Vendor, error: Any, code: str, message: str
) -> None:
    vendor.tasks[vendor.only_task] |= {"status": "failed", "error": error}
    job = polled(job)
    assert (job.state, job.error_code, job.error_message) == (State.FAILED, code, message)
    assert books_of(job.team).available == 1000


@pytest.mark.parametrize("literal", ["9" * 5000, "-" + "9" * 300, "1e999", "NaN", "-Infinity"])
def test_f17_no_number_keeps_a_completion_from_being_read(
    job: Generation, vendor: Vendor, literal: str
) -> None:
    vendor.finish(vendor.only_task, urls=[GOOD], seed="#", duration="#", framespersecond="#")
    task = {**vendor.tasks[vendor.only_task], "completed_at": "#", "created_at": "#", "cost": "#"}
    reply = say(200, json.dumps(task).replace('"#"', literal).encode())
    vendor.always(f"{TASKS}{vendor.only_task}", reply)
    job = polled(job)
    assert (job.state, job.seed, job.upstream_metadata) == (State.COMPLETED, None, {})
    assert job.film.state == Film.State.PENDING


@pytest.mark.parametrize(
    ("said", "seed", "stored"),
    [
        (2**63 - 1, 2**63 - 1, 2**63 - 1),
        (2**63, None, None),
        (-(2**63), None, None),
        (2**53 + 1, 2**53 + 1, 2**53 + 1),
        (41485.0, 41485, 41485),
        (0.5, None, 0.5),
        (-1, None, -1),
        (True, None, True),
        ("41485", 41485, 41485),
        ([1], None, None),
    ],
)
def test_f17_a_seed_of_any_kind_is_stored_or_left_out(
    job: Generation, vendor: Vendor, said: Any, seed: int | None, stored: Any
) -> None:
    vendor.finish(vendor.only_task, urls=[GOOD])
    vendor.tasks[vendor.only_task]["output"]["metadata"] = {"seed": said}
    job = polled(job)
    assert (job.state, job.seed) == (State.COMPLETED, seed)
    kept_as = job.upstream_metadata.get("seed")
    assert (kept_as, type(kept_as)) == (stored, type(stored))


def test_f17_metadata_of_any_kind_is_stored_or_left_out(job: Generation, vendor: Vendor) -> None:
    deep: Any = "deep"
    for _ in range(100):
        deep = {"deep\0": [deep]}
    vendor.finish(vendor.only_task, urls=[GOOD])
    vendor.tasks[vendor.only_task]["output"]["metadata"] = {
        "ratio": "1\0" + "6" * 5000,
        "resolution": "\ud800",
        "duration": {"seconds": deep},
        "generate_audio": [True],
        "framespersecond": 24.0,
        "\0": "\0",
        "\ud800" * 5000: deep,
    }
    job = polled(job)
    assert job.state == State.COMPLETED
    assert job.upstream_metadata == {
        "ratio": "1" + "6" * 59,
        "resolution": "\ufffd",
        "framespersecond": 24,
    }


@pytest.mark.parametrize("place", ["status", "message", "url", "metadata"])
def test_f17_lists_of_any_depth_are_read_or_unclear_and_never_an_error(
    job: Generation, vendor: Vendor, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    task: dict[str, Any] = {"id": vendor.only_task, "status": "processing"}
    spots: dict[str, dict[str, Any]] = {
        "status": {"status": "#"},
        "message": {"error": {"code": "x", "message": "#"}},
        "url": {"output": {"urls": ["#"]}},
        "metadata": {"output": {"metadata": {"seed": "#"}}},
    }
    text = json.dumps(task | spots[place])
    # Python's own limit lies somewhere among these, wherever it is asked from.
    for depth in range(900, 1000, 5):
        nested = "[" * depth + "]" * depth
        vendor.next(f"{TASKS}{vendor.only_task}", say(200, text.replace('"#"', nested).encode()))
        make_due(job)
        poll_due()
    job = Generation.objects.get(pk=job.pk)
    assert (job.state, job.polls) == (State.PROCESSING, 20)
    assert events_of(caplog, "poll_broke") == []


@pytest.mark.parametrize("fields", ['"status": "failed", "status": "completed"', '"id": "x"'])
def test_p28_an_answer_that_contradicts_itself_is_unclear(
    job: Generation, vendor: Vendor, fields: str
) -> None:
    answer = f'{{"id": "{vendor.only_task}", {fields}, "status": "completed"}}'
    vendor.next(f"{TASKS}{vendor.only_task}", say(200, answer.encode()))
    job = polled(job)
    assert (job.state, job.poll_failures) == (State.PROCESSING, 1)


def test_what_an_answer_says_twice_in_the_same_words_is_said(
    job: Generation, vendor: Vendor
) -> None:
    answer = f'{{"id": "{vendor.only_task}", "status": "failed", "status": "failed"}}'
    vendor.next(f"{TASKS}{vendor.only_task}", say(200, answer.encode()))
    assert polled(job).state == State.FAILED
