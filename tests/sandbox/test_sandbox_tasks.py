"""The life of a task on the wire, and whose it is."""

import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx


def test_a_running_task_has_a_null_progress(client: Any) -> None:
    task_id = client.accepted("[sandbox:stuck] a lake")
    task = client.task(task_id)
    assert set(task) == {"id", "status", "model", "created_at", "progress"}
    assert task["status"] in ("pending", "processing")
    assert task["progress"] is None
    assert abs(task["created_at"] - time.time()) < 5
    assert isinstance(task["created_at"], int)


def test_a_completed_task_has_the_vendors_output(client: Any) -> None:
    task = client.film(ratio="16:9")
    assert set(task) == {"id", "status", "model", "created_at", "completed_at", "output"}
    assert isinstance(task["completed_at"], int)
    assert task["output"]["metadata"] == {
        "seed": 7,
        "ratio": "16:9",
        "duration": 4,
        "resolution": "480p",
        "generate_audio": False,
        "framespersecond": 24,
    }
    (url,) = task["output"]["urls"]
    assert url.startswith(f"{client.vendor.url}/files/")
    film = httpx.get(url)
    assert film.status_code == 200
    assert film.headers["content-type"] == "video/mp4"
    assert film.content[4:8] == b"ftyp"


def test_no_seed_and_seed_minus_one_are_picked_and_told(client: Any) -> None:
    ids = [client.accepted(seed=seed) for seed in (None, -1)]
    seeds = [client.ended(task_id)["output"]["metadata"]["seed"] for task_id in ids]
    assert seeds[0] != seeds[1]
    assert all(0 <= seed <= 4294967295 for seed in seeds)


def test_a_failed_task_tells_code_and_message_and_is_refunded(client: Any) -> None:
    task_id = client.accepted("[sandbox:fail] a lake")
    assert client.credits()["total_consumed"] == 12
    task = client.ended(task_id)
    assert set(task) == {"id", "status", "model", "created_at", "error"}
    assert task["status"] == "failed"
    assert set(task["error"]) == {"code", "message"}
    assert task["error"]["code"] == "upstream_error"
    assert client.credits() == {
        "balance": 1_000_000,
        "total_purchased": 1_000_000,
        "total_consumed": 0,
    }
    assert client.book_entry(task_id)["refunded"] is True


def test_a_strangers_task_and_a_random_one_look_alike(
    client: Any, connect: Callable[..., Any]
) -> None:
    task_id = client.accepted("[sandbox:stuck] a lake")
    stranger = connect()
    theirs = stranger.http.get(f"/v1/tasks/{task_id}")
    nobodys = stranger.http.get(f"/v1/tasks/{uuid.uuid4()}")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json() == nobodys.json()
    assert theirs.json()["error"]["code"] == "task_not_found"


def test_a_key_opens_with_a_million_credits(client: Any) -> None:
    reply = client.http.get("/v1/credits").json()
    assert (reply["code"], reply["msg"]) == (200, "success")
    assert reply["data"]["balance"] == reply["data"]["total_purchased"] == 1_000_000


def test_the_books_add_up_over_all_keys(client: Any) -> None:
    done = client.film()
    failed = client.film("[sandbox:fail] a lake")
    books = client.vendor.books()
    assert books["balance"] + books["total_consumed"] == books["total_purchased"]
    charged = sum(task["credits"] for task in books["tasks"] if not task["refunded"])
    assert charged == books["total_consumed"]
    accounts = {account["key_last4"]: account for account in books["accounts"]}
    assert accounts[client.key[-4:]] == {"key_last4": client.key[-4:], **client.credits()}
    for sum_ in ("balance", "total_purchased", "total_consumed"):
        assert sum(account[sum_] for account in books["accounts"]) == books[sum_]
    entry = client.book_entry(done["id"])
    assert entry["key_last4"] == client.key[-4:]
    assert entry["prompt"] == "a quiet lake"
    assert entry["credits"] == 12
    assert entry["refunded"] is False
    assert entry["completed_at"] > entry["accepted_at"]
    assert entry["render_seconds"] >= 0
    assert client.book_entry(failed["id"])["render_seconds"] is None


def test_the_server_answers_while_it_renders(client: Any) -> None:
    task_id = client.accepted(resolution="1080p", duration=5, seed=None)
    slowest = 0.0
    polls = 0
    while client.task(task_id)["status"] in ("pending", "processing") and polls < 40:
        started = time.perf_counter()
        client.task(task_id)
        slowest = max(slowest, time.perf_counter() - started)
        polls += 1
        time.sleep(0.02)
    assert polls > 10
    client.ended(task_id)
    assert slowest < client.book_entry(task_id)["render_seconds"] / 2


def test_the_server_says_that_it_is_well(client: Any) -> None:
    assert client.http.get("/healthz").json() == {"status": "ok"}
