"""Callbacks of liars, in crowds, too late: the true one finds its generation (P14, P30)."""

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Membership
from billing.models import Transfer
from billing.selectors import books_of
from generations.callbacks.service import MAX_RECEIPTS, check_callback
from generations.lifecycle import LATE_WATCH, State
from generations.models import Film, Generation, ProviderKey
from generations.ops.agenda import enqueue_due_steps
from generations.provider_keys.service import delete_provider_key, wipe_sealed_keys
from generations.reports.audit import audit_site
from generations.review.corrections import release_reviewed, settle_reviewed
from tests.factories import SYSTEM, make_generation
from tests.support.films import film_bytes
from tests.support.races import race
from tests.support.steps import empty_queue, poll_due, run_queue
from tests.support.submits import submit
from tests.support.vendor import CREATE, TASKS, Exchange, Vendor, drop, html, say
from tests.support.working import CHEAP

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]
EndDoubt = Callable[..., None]


def lose(membership: Membership, vendor: Vendor) -> Generation:
    """Make a generation that the vendor accepted while its reply was lost."""
    job = make_generation(membership, **CHEAP)
    vendor.next(CREATE, vendor.accepts_then(drop))
    submit(job)
    job.refresh_from_db()
    assert job.state == State.NEEDS_REVIEW
    return job


@pytest.fixture
def lost(alice: Membership, vendor: Vendor) -> Generation:
    """A generation whose submit was accepted while the reply got lost."""
    return lose(alice, vendor)


def call(job: Generation, upstream_id: str) -> int:
    """Post a callback on the generation's path; return the status of the answer."""
    body = json.dumps({"id": upstream_id, "status": "completed"})
    path = f"/callbacks/{job.callback_token}"
    status: int = Client().post(path, body, content_type="application/json").status_code
    return status


def fresh(job: Generation) -> Generation:
    return Generation.objects.select_related("hold").get(pk=job.pk)


def verdicts(job: Generation) -> list[str]:
    return list(job.callbacks.order_by("id").values_list("verdict", flat=True))


def closings(job: Generation) -> list[str]:
    entries = Transfer.objects.filter(hold=job.hold_id).exclude(kind="hold")
    return list(entries.order_by("id").values_list("kind", flat=True))


# Liars and crowds


def test_p30_a_forged_proposal_before_the_true_one_keeps_it_from_nothing(
    lost: Generation, vendor: Vendor
) -> None:
    task = vendor.only_task
    for name in ("forged", task):
        assert call(lost, name) == 204
    run_queue("check_callback")
    assert (fresh(lost).upstream_id, verdicts(lost)) == (task, ["rejected", "adopted"])


def test_p30_fifty_forged_proposals_do_not_keep_the_true_one_out(
    lost: Generation, vendor: Vendor
) -> None:
    for number in range(MAX_RECEIPTS + 20):
        assert call(lost, f"forged-{number}") == 204
        run_queue("check_callback")
    assert lost.callbacks.count() == MAX_RECEIPTS
    assert call(lost, vendor.only_task) == 204
    assert lost.callbacks.count() == MAX_RECEIPTS
    assert lost.events.filter(kind="callback").count() == MAX_RECEIPTS
    run_queue("check_callback")
    assert fresh(lost).upstream_id == vendor.only_task


def test_p30_while_too_many_wait_to_be_checked_the_vendor_is_asked_to_call_again(
    lost: Generation, vendor: Vendor
) -> None:
    for number in range(MAX_RECEIPTS):
        vendor.always(f"{TASKS}forged-{number}", html(502))
        assert call(lost, f"forged-{number}") == 204
    run_queue("check_callback")
    assert call(lost, vendor.only_task) == 503
    assert call(lost, "forged-7") == 204, "it waits to be checked already"
    assert lost.callbacks.count() == MAX_RECEIPTS
    for number in range(MAX_RECEIPTS):
        vendor.always(f"{TASKS}forged-{number}", None)
    empty_queue()
    enqueue_due_steps(timezone.now() + timedelta(hours=1))
    run_queue("check_callback")
    assert call(lost, vendor.only_task) == 204
    run_queue("check_callback")
    assert fresh(lost).upstream_id == vendor.only_task


def test_p30_doubles_of_one_forged_id_leave_room_for_the_true_one(
    lost: Generation, vendor: Vendor
) -> None:
    vendor.always(f"{TASKS}forged", html(502))
    for _ in range(MAX_RECEIPTS * 2):
        assert call(lost, "forged") == 204
    assert call(lost, vendor.only_task) == 204
    run_queue("check_callback")
    assert fresh(lost).upstream_id == vendor.only_task


def test_p30_one_id_proposed_for_two_generations_is_adopted_by_one(
    alice: Membership, vendor: Vendor
) -> None:
    first, second = lose(alice, vendor), lose(alice, vendor)
    task, other = vendor.tasks
    for job in (first, second):
        call(job, task)
    run_queue("check_callback")
    assert [fresh(one).upstream_id for one in (first, second)] == [task, None]
    assert verdicts(second) == ["rejected"]
    call(second, other)
    run_queue("check_callback")
    assert fresh(second).upstream_id == other


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p30_one_id_checked_for_many_at_once_is_adopted_by_one(
    alice: Membership, charlie: Membership, vendor: Vendor
) -> None:
    ProviderKey.objects.filter(team=charlie.team).update(endpoint=vendor.url)
    lost = [lose(alice, vendor), lose(charlie, vendor), lose(alice, vendor), lose(charlie, vendor)]
    task = next(iter(vendor.tasks))
    for job in lost:
        call(job, task)
    receipts = [job.callbacks.get().pk for job in lost] * 2
    assert race(len(receipts), lambda number: check_callback(receipts[number])) == [None] * 8
    assert Generation.objects.filter(upstream_id=task).count() == 1


# Bodies and headers that no column was made for


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "\\ud800"}',
        b'{"id": "task\\u0000"}',
        b'{"id": "\xed\xa0\x80"}',
        b'{"id": "task-7 "}',
        b'{"id": " "}',
        b'{"id": "' + b"x" * 121 + b'"}',
        b'{"id": ' + b"9" * 5000 + b"}",
        b'{"id": 1e999}',
        b'{"id": true}',
        b'{"id": "task-7", "id": "task-8"}',
        b'{"id": "task-7", "more": ' + b"[" * 100_000,
        b'{"id": "task-7", "more": "' + b"x" * 2_000_000 + b'"}',
        '{"id": "task\0"}'.encode("utf-16"),
        gzip.compress(b'{"id": "task-7"}', mtime=0),
    ],
    ids=lambda body: ascii(body[:32])[2:-1],
)
def test_f17_a_body_whose_id_cannot_be_stored_is_a_404(lost: Generation, body: bytes) -> None:
    reply = post(lost, body, headers={"X-Event": "task.completed"})
    assert reply.status_code == 404
    assert lost.callbacks.count() == 0


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("more", "headers"),
    [
        (b'"created_at": ' + b"9" * 5000, {}),
        (b'"status": "\\u0000\\ud800", "error": {"message": "\\u0000"}', {}),
        (b'"output": {"urls": ["' + b"x" * 900_000 + b'"]}', {}),
        (b'"more": ' + b"[" * 500 + b"]" * 500, {}),
        (b'"more": NaN', {}),
        (b'"more": 1', {"X-Event": "\0\x85\x9b" + "x" * 9000}),
        (b'"more": 1', {"X-Event": "", "X-Task-Id": "\0" * 500, "X-Timestamp": "9" * 5000}),
        (b'"more": 1', {"Content-Encoding": "gzip"}),
    ],
    ids=["number", "words", "long", "deep", "nan", "event", "headers", "encoding"],
)
def test_f17_whatever_else_a_callback_says_it_is_taken(
    lost: Generation, vendor: Vendor, more: bytes, headers: dict[str, str]
) -> None:
    body = b'{"id": "' + vendor.only_task.encode() + b'", ' + more + b"}"
    for job in (lost, lost):
        assert post(job, body, headers=headers).status_code == 204
        run_queue("check_callback")
    assert fresh(lost).upstream_id == vendor.only_task
    assert "\0" not in "".join(lost.callbacks.values_list("event", flat=True))


@pytest.mark.both_databases
def test_f17_an_address_with_a_long_zone_is_taken(
    lost: Generation, vendor: Vendor, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1/32"]
    body = json.dumps({"id": vendor.only_task}).encode()
    zone = {"X-Forwarded-For": f"fe80::1%{'x' * 500}"}
    assert post(lost, body, headers=zone).status_code == 204


def post(job: Generation, body: bytes, *, headers: dict[str, str]) -> Any:
    path = f"/callbacks/{job.callback_token}"
    return Client().post(path, body, content_type="application/json", headers=headers)


# Too late, after a person's decision


@pytest.mark.parametrize(
    ("end", "word", "entries", "spent"),
    [
        (release_reviewed, "completed", ["release", "adjust"], 12),
        (release_reviewed, "failed", ["release"], 0),
        (settle_reviewed, "completed", ["settle"], 12),
        (settle_reviewed, "failed", ["settle", "adjust"], 0),
    ],
)
def test_p14_a_callback_after_the_decision_lets_the_vendors_word_correct_it(
    lost: Generation, vendor: Vendor, end: EndDoubt, word: str, entries: list[str], spent: int
) -> None:
    end(lost, by=SYSTEM, reason="Nothing in the console", now=timezone.now())
    task = vendor.only_task
    if word == "completed":
        vendor.finish(task, film_bytes())
    else:
        vendor.fail(task)
    assert call(lost, task) == 204
    assert closings(lost) == entries[:1], "the callback itself decided"
    run_queue("check_callback")
    assert (fresh(lost).state, fresh(lost).upstream_id) == (State.FAILED, task)
    assert verdicts(lost) == ["adopted"]
    for _ in range(3):
        call(lost, task)
        poll_due()
    run_queue("check_callback", "keep")
    assert closings(lost) == entries
    assert books_of(lost.team).spent == spent
    assert Film.objects.filter(state=Film.State.KEPT).count() == (word == "completed")
    assert list(audit_site()) == []


def test_p30_a_forged_callback_after_the_decision_changes_nothing(
    lost: Generation, vendor: Vendor
) -> None:
    release_reviewed(lost, by=SYSTEM, reason="x", now=timezone.now())
    vendor.add_task("older", created_at=1)
    for name in ("forged", "older"):
        assert call(lost, name) == 204
    run_queue("check_callback")
    poll_due()
    assert verdicts(lost) == ["rejected", "rejected"]
    assert (closings(lost), fresh(lost).upstream_id) == (["release"], None)


def test_p14_past_the_watch_a_late_callback_is_a_404(lost: Generation, vendor: Vendor) -> None:
    release_reviewed(lost, by=SYSTEM, reason="x", now=timezone.now() - LATE_WATCH)
    assert call(lost, vendor.only_task) == 404


def test_p14_a_proposal_that_waited_for_the_vendor_outlives_the_decision(
    lost: Generation, vendor: Vendor
) -> None:
    task = vendor.only_task
    vendor.next(f"{TASKS}{task}", html(502))
    call(lost, task)
    run_queue("check_callback")
    release_reviewed(fresh(lost), by=SYSTEM, reason="x", now=timezone.now())
    vendor.finish(task, film_bytes())
    enqueue_due_steps(timezone.now() + timedelta(minutes=1))
    run_queue("check_callback")
    poll_due()
    assert closings(lost) == ["release", "adjust"]


@pytest.mark.django_db(transaction=True)
def test_p14_a_decision_while_the_vendor_is_asked_loses_no_id(
    alice: Membership, vendor: Vendor
) -> None:
    lost = lose(alice, vendor)
    task = vendor.only_task

    def decide_then_answer(exchange: Exchange) -> None:
        race(
            1,
            lambda _n: release_reviewed(fresh(lost), by=SYSTEM, reason="x", now=timezone.now()),
        )
        say(200, vendor.tasks[task])(exchange)

    vendor.next(f"{TASKS}{task}", decide_then_answer)
    call(lost, task)
    run_queue("check_callback")
    assert (fresh(lost).state, fresh(lost).upstream_id) == (State.FAILED, task)
    assert verdicts(lost) == ["adopted"]
    vendor.finish(task, film_bytes())
    poll_due()
    assert closings(lost) == ["release", "adjust"]


def test_p25_a_deleted_key_is_kept_while_a_late_id_is_awaited(
    lost: Generation, vendor: Vendor
) -> None:
    release_reviewed(lost, by=SYSTEM, reason="x", now=timezone.now())
    key = ProviderKey.objects.get(pk=lost.provider_key_id)
    delete_provider_key(key, by=SYSTEM)
    vendor.finish(vendor.only_task, urls=[])
    call(lost, vendor.only_task)
    run_queue("check_callback")
    poll_due()
    assert closings(lost) == ["release", "adjust"]
    assert wipe_sealed_keys() == 1


def test_p25_past_the_watch_a_deleted_key_is_wiped(lost: Generation) -> None:
    release_reviewed(lost, by=SYSTEM, reason="x", now=timezone.now() - LATE_WATCH)
    delete_provider_key(ProviderKey.objects.get(pk=lost.provider_key_id), by=SYSTEM)
    assert ProviderKey.objects.get(pk=lost.provider_key_id).secret_token == ""
