"""Replies to a create whose words no column was made for: nothing paid is lost or sent twice (P21).

Each reply comes over the wire, and what becomes of it is written to either database.
"""

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Membership, Notice
from billing.selectors import books_of
from generations.errors import NoProviderAnswer
from generations.lifecycle import ReviewReason, State
from generations.models import Generation, ProviderKey
from generations.ops.agenda import enqueue_due_steps
from generations.provider_keys.service import probe_provider_key
from generations.reports.audit import audit_site
from generations.review.adopt import adopt_found_id
from platform_site.errors import InvalidRequest
from tests.factories import SYSTEM, make_generation
from tests.support.sending import send_all, send_now
from tests.support.steps import empty_queue
from tests.support.vendor import CREATE, CREDITS, TASKS, Exchange, Reply, Vendor, refuse, say
from tests.support.working import CHEAP

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.both_databases,
    pytest.mark.usefixtures("provider_key"),
]

HOSTILE = "\0\ud800\x1b[2J" + "东" * 5000


@pytest.fixture
def job(alice: Membership) -> Generation:
    return make_generation(alice, **CHEAP)


def sent(job: Generation) -> Generation:
    send_now()
    return Generation.objects.select_related("hold").get(pk=job.pk)


def alarms(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    records: list[Any] = [record.msg for record in caplog.records if record.levelname == "CRITICAL"]
    return [one for one in records if one["event"] == "upstream_id_not_saved"]


@pytest.mark.parametrize(
    ("task_id", "words"),
    [
        ("task-" + "x" * 500, "task-xxxx"),
        ("task-\0-7", r"task-\x00-7"),
        ("task-\ud800-7", r"task-\ud800-7"),
        ("task-7\n", r"task-7\n"),
        (" task-7", " task-7"),
        ("\u202etask-7", r"\u202etask-7"),
        (" ", "' '"),
        (70123456789, "70123456789"),
        (0, "0"),
        (7.5, "7.5"),
        (False, "False"),
        (["task-7"], "task-7"),
        ({"id": "task-7"}, "task-7"),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_f17_p21_an_id_that_cannot_be_stored_is_shouted_and_never_sent_again(
    job: Generation, vendor: Vendor, caplog: pytest.LogCaptureFixture, task_id: Any, words: str
) -> None:
    vendor.next(CREATE, say(200, {"code": 200, "data": {"taskId": task_id}}))
    job = sent(job)
    assert (job.state, job.review_reason) == (State.NEEDS_REVIEW, ReviewReason.SUBMIT_UNKNOWN)
    assert (job.upstream_id, job.hold.closed_at) == (None, None)
    [alarm] = alarms(caplog)
    assert alarm["generation_id"] == str(job.pk)
    assert words in alarm["upstream_id"]
    assert len(alarm["upstream_id"]) <= 300
    empty_queue()
    enqueue_due_steps(timezone.now() + timedelta(days=30))
    send_all()
    assert len(vendor.creates) == 1
    assert list(audit_site()) == []


def test_f17_p21_an_id_of_five_thousand_digits_is_in_doubt_and_shown_in_the_log(
    job: Generation, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    reply = b'{"code": 200, "data": {"taskId": 8675309' + b"0" * 5000 + b"}}"
    vendor.next(CREATE, say(200, reply))
    job = sent(job)
    assert (job.state, job.review_reason) == (State.NEEDS_REVIEW, ReviewReason.SUBMIT_UNKNOWN)
    assert len(alarms(caplog)) == 1
    assert "8675309000" in said_of(caplog)


def test_f17_p21_a_reply_that_names_two_tasks_is_in_doubt_and_shown_in_the_log(
    job: Generation, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    reply = b'{"code": 200, "data": {"taskId": "task-7", "taskId": "task-8"}}'
    vendor.next(CREATE, say(200, reply))
    job = sent(job)
    assert (job.state, job.review_reason) == (State.NEEDS_REVIEW, ReviewReason.SUBMIT_UNKNOWN)
    assert "task-7" in said_of(caplog)
    assert "task-8" in said_of(caplog)


def said_of(caplog: pytest.LogCaptureFixture) -> str:
    records: list[Any] = [record.msg for record in caplog.records]
    [said] = [one["said"] for one in records if one["event"] == "submit_unclear"]
    assert len(said) <= 300
    return str(said)


def test_p21_an_acceptance_that_a_proxy_compressed_is_read(job: Generation, vendor: Vendor) -> None:
    def packed(exchange: Exchange) -> None:
        reply = {"code": 200, "data": {"taskId": vendor.add_task("task-7")}}
        packed = gzip.compress(json.dumps(reply).encode())
        exchange.send(200, packed, {"Content-Encoding": "gzip"})

    vendor.next(CREATE, packed)
    job = sent(job)
    assert (job.state, job.upstream_id) == (State.PROCESSING, "task-7")


@pytest.mark.parametrize("status", [400, 404, 500])
@pytest.mark.parametrize("code", [HOSTILE, "\0"], ids=["hostile", "blank"])
def test_f17_a_refusal_in_any_words_ends_it_and_refunds(
    job: Generation, vendor: Vendor, status: int, code: str
) -> None:
    vendor.always(CREATE, refuse(status, code, HOSTILE))
    for _ in range(5):
        job = sent(job)
    assert (job.state, job.hold.settled) == (State.FAILED, 0)
    assert job.error_code == ("upstream_error" if code == "\0" else f"\ufffd[2J{'东' * 56}")
    assert job.error_message == f"\ufffd[2J{'东' * 1996}"
    assert books_of(job.team).available == 1000
    assert list(audit_site()) == []


def test_f17_a_key_that_is_turned_away_in_any_words_is_paused_and_told_of(
    job: Generation, vendor: Vendor, provider_key: ProviderKey
) -> None:
    vendor.always(CREATE, refuse(401, HOSTILE, HOSTILE))
    vendor.always(CREDITS, refuse(401, HOSTILE, HOSTILE))
    assert sent(job).state == State.QUEUED
    for _ in range(2):
        provider_key.refresh_from_db()
        assert provider_key.state == ProviderKey.State.PAUSED
        assert len(provider_key.pause_note) == 300
        probe_provider_key(provider_key.pk)
    assert "东" in Notice.objects.get().body


@pytest.mark.parametrize(
    "reply",
    [
        refuse(500, HOSTILE, HOSTILE),
        say(200, {"id": "task-7", "status": HOSTILE}),
        say(200, {"id": "task-7", "status": ["completed"]}),
    ],
)
def test_f17_a_found_id_is_refused_in_words_whatever_the_vendor_says(
    job: Generation, vendor: Vendor, reply: Reply
) -> None:
    vendor.next(CREATE, say(200, b"accepted"))
    job = sent(job)
    vendor.next(f"{TASKS}task-7", reply)
    with pytest.raises(NoProviderAnswer) as caught:
        adopt_found_id(job, "task-7", by=SYSTEM, reason="Found.", now=timezone.now())
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 2100


@pytest.mark.parametrize("created_at", [10**300, -1, True, "1700000000", [1], None, 0.5])
def test_f17_a_found_task_of_an_impossible_time_is_not_adopted(
    job: Generation, vendor: Vendor, created_at: Any
) -> None:
    vendor.next(CREATE, say(200, b"accepted"))
    job = sent(job)
    vendor.add_task("task-7", created_at=created_at)
    with pytest.raises(InvalidRequest):
        adopt_found_id(job, "task-7", by=SYSTEM, reason="Found.", now=timezone.now())
    assert Generation.objects.get(pk=job.pk).upstream_id is None
