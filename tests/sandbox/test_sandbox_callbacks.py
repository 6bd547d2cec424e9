"""Callbacks: headers, body, retries, and the scripted ways in which they go wrong."""

import time
from typing import Any

import httpx
import pytest

LAKE = "a quiet lake"


def test_a_callback_is_the_task_object_under_the_vendors_headers(
    client: Any, receiver: Any
) -> None:
    task_id = client.accepted(LAKE, callback_url=f"{receiver.url}/in/token-1")
    (received,) = receiver.wait_for(1)
    assert received.path == "/in/token-1"
    assert received.body == client.task(task_id)
    assert received.body["status"] == "completed"
    assert received.headers["x-event"] == "task.completed"
    assert received.headers["x-task-id"] == task_id
    assert abs(int(received.headers["x-timestamp"]) - time.time()) < 10
    assert received.headers["content-type"] == "application/json"
    assert not [name for name in received.headers if "sign" in name]


def test_a_failed_task_calls_back_too(client: Any, receiver: Any) -> None:
    task_id = client.accepted("[sandbox:fail] a lake", callback_url=f"{receiver.url}/in")
    (received,) = receiver.wait_for(1)
    assert received.headers["x-event"] == "task.failed"
    assert received.body == client.task(task_id)


def test_a_lost_reply_calls_back_with_the_id_nobody_heard(client: Any, receiver: Any) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.create("[sandbox:lost-reply] a quiet lake", callback_url=f"{receiver.url}/in")
    (received,) = receiver.wait_for(1)
    assert client.task(received.body["id"])["status"] == "completed"


def test_an_unwelcome_callback_is_tried_three_times(client: Any, receiver: Any) -> None:
    receiver.statuses += [500, 302, 404]
    client.accepted("[sandbox:fail] a lake", callback_url=f"{receiver.url}/in")
    first, second, third = receiver.wait_for(3)
    assert first.body == second.body == third.body
    assert second.at - first.at >= 0.35
    assert third.at - first.at >= 0.75
    time.sleep(0.6)
    assert len(receiver.received) == 3


def test_any_2xx_ends_the_attempts(client: Any, receiver: Any) -> None:
    receiver.statuses += [503, 202]
    client.accepted("[sandbox:fail] a lake", callback_url=f"{receiver.url}/in")
    receiver.wait_for(2)
    time.sleep(0.8)
    assert len(receiver.received) == 2


def test_no_callback_url_no_callback(client: Any, receiver: Any) -> None:
    client.film("[sandbox:fail] a lake")
    assert receiver.received == []


def test_callback_none_is_silent(client: Any, receiver: Any) -> None:
    client.film("[sandbox:fail][sandbox:callback=none] a lake", callback_url=f"{receiver.url}/in")
    time.sleep(0.3)
    assert receiver.received == []


def test_callback_double_comes_twice(client: Any, receiver: Any) -> None:
    prompt = "[sandbox:fail][sandbox:callback=double] a lake"
    client.accepted(prompt, callback_url=f"{receiver.url}/in")
    first, second = receiver.wait_for(2)
    assert first.body == second.body


def test_callback_late_is_planned_for_later(client: Any, receiver: Any) -> None:
    prompt = "[sandbox:fail][sandbox:callback=late] a lake"
    client.film(prompt, callback_url=f"{receiver.url}/in")
    time.sleep(0.5)
    assert receiver.received == []


def test_callback_forged_lies_twice_before_the_truth(client: Any, receiver: Any) -> None:
    receiver.statuses += [404, 404, 204]
    prompt = "[sandbox:fail][sandbox:callback=forged] a lake"
    task_id = client.accepted(prompt, callback_url=f"{receiver.url}/in/tokenA?x=1")
    altered, false, true = receiver.wait_for(3)
    assert altered.path == "/in/tokenB?x=1"
    assert altered.body["id"] == task_id
    assert false.path == "/in/tokenA?x=1"
    assert false.body["id"] != task_id
    assert false.body["status"] == "completed"
    assert false.body["output"]["urls"]
    assert false.headers["x-task-id"] == false.body["id"]
    assert true.path == "/in/tokenA?x=1"
    assert true.body == client.task(task_id)
    assert true.body["status"] == "failed"


def test_nobody_listening_harms_nothing(client: Any) -> None:
    task = client.film("[sandbox:fail] a lake", callback_url="http://127.0.0.1:9/in")
    assert task["status"] == "failed"
