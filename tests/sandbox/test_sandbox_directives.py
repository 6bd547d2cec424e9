"""What `[sandbox:…]` in a prompt does."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.directives import DIRECTIVES, script_of, without_directives

DOCS = Path(__file__).resolve().parents[2] / "docs" / "sandbox.md"
REFUSALS = [
    ("429", 429, "rate_limit_exceeded", "rate_limit_error"),
    ("spent", 429, "spend_limit_exceeded", "billing_error"),
    ("402", 402, "insufficient_credits", "billing_error"),
    ("401", 401, "invalid_api_key", "authentication_error"),
    ("403", 403, "ip_not_allowed", "permission_error"),
    ("503", 503, "upstream_error", "upstream_error"),
    ("500", 500, "internal_error", "api_error"),
]


@pytest.mark.parametrize(("name", "status", "code", "kind"), REFUSALS)
def test_a_refusal_refuses_the_first_attempt_and_takes_the_second(
    client: Any, name: str, status: int, code: str, kind: str
) -> None:
    prompt = f"[sandbox:{name}][sandbox:stuck] a lake"
    refused = client.create(prompt)
    assert refused.status_code == status
    assert refused.json()["error"]["code"] == code
    assert refused.json()["error"]["type"] == kind
    assert client.credits()["total_consumed"] == 0
    assert client.create(prompt).status_code == 200
    assert client.credits()["total_consumed"] == 12


def test_a_refusal_may_be_repeated_and_refusals_follow_one_another(client: Any) -> None:
    prompt = "[sandbox:429=2] a lake [sandbox:503] [sandbox:stuck]"
    statuses = [client.create(prompt).status_code for _ in range(5)]
    assert statuses == [429, 429, 503, 200, 200]


def test_attempts_are_counted_by_key_and_input(client: Any, connect: Callable[..., Any]) -> None:
    prompt = "[sandbox:429][sandbox:stuck] a lake"
    other = connect()
    assert client.create(prompt).status_code == 429
    assert other.create(prompt).status_code == 429
    assert client.create(prompt, seed=8).status_code == 429
    assert client.create(prompt, callback_url="http://127.0.0.1:9/x").status_code == 200


def test_a_bare_500_is_a_page_and_no_envelope(client: Any) -> None:
    prompt = "[sandbox:500-bare][sandbox:stuck] a lake"
    reply = client.create(prompt)
    assert reply.status_code == 500
    assert reply.headers["content-type"].startswith("text/html")
    assert "<html>" in reply.text
    assert client.create(prompt).status_code == 200


def test_refuse_says_the_moderation_words_every_time(client: Any) -> None:
    for _ in range(3):
        reply = client.create("[sandbox:refuse] a lake")
        assert reply.status_code == 503
        assert reply.json()["error"] == {
            "code": "upstream_error",
            "message": "The input contains sensitive or prohibited content",
            "type": "upstream_error",
        }
    assert client.credits()["total_consumed"] == 0


def test_slow_is_not_done_sooner(client: Any) -> None:
    started = time.time()
    task = client.film("[sandbox:slow=2.5] a quiet lake")
    assert task["status"] == "completed"
    entry = client.book_entry(task["id"])
    assert entry["completed_at"] - entry["accepted_at"] >= 2.5
    assert time.time() - started >= 2.5


def test_slow_and_fail_fails_late(client: Any) -> None:
    task = client.film("[sandbox:slow=1][sandbox:fail] a lake")
    assert task["status"] == "failed"
    entry = client.book_entry(task["id"])
    assert entry["completed_at"] - entry["accepted_at"] >= 1


def test_a_lost_reply_was_accepted_and_charged(client: Any) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.create("[sandbox:lost-reply] a quiet lake")
    assert client.credits()["total_consumed"] == 12
    books = client.vendor.books()["tasks"]
    (mine,) = [task for task in books if task["key_last4"] == client.key[-4:]]
    assert client.ended(mine["id"])["status"] == "completed"


def test_no_url_completes_without_a_link(client: Any) -> None:
    task = client.film("[sandbox:no-url] a quiet lake")
    assert task["status"] == "completed"
    assert task["output"]["urls"] == []


def test_wrong_metadata_names_another_length_and_size(client: Any) -> None:
    metadata = client.film("[sandbox:wrong-metadata] a quiet lake")["output"]["metadata"]
    assert metadata["duration"] != 4
    assert metadata["resolution"] != "480p"


def test_an_expired_link_is_dead_from_the_start(client: Any) -> None:
    (url,) = client.film("[sandbox:expired-link] a quiet lake")["output"]["urls"]
    assert httpx.get(url).status_code == 403


def test_a_truncated_download_ends_early_every_time(client: Any) -> None:
    (url,) = client.film("[sandbox:truncated] a quiet lake")["output"]["urls"]
    promised = int(httpx.head(url).headers["content-length"])
    ranges = [{}, {}, {"Range": f"bytes={promised // 4}-"}, {"Range": f"bytes={promised - 9}-"}]
    assert all(received_of(url, headers) <= promised // 2 for headers in ranges)


def received_of(url: str, headers: dict[str, str]) -> int:
    """Return how many bytes come before the connection drops."""
    got = 0
    with httpx.stream("GET", url, headers=headers) as reply:
        try:
            for chunk in reply.iter_raw():
                got += len(chunk)
        except httpx.RemoteProtocolError:
            return got
    raise AssertionError("the download was whole")


def test_an_unknown_directive_is_ignored(client: Any) -> None:
    assert client.film("[sandbox:dance=3][sandbox:callback=maybe] a quiet lake")["status"] == (
        "completed"
    )


def test_directives_are_not_shown_in_the_film() -> None:
    assert without_directives("[sandbox:slow=3] a [sandbox:stuck] lake [sandbox:x=y]") == "a lake"


@pytest.mark.parametrize("value", ["", "=", "=x", "=-5", "=nan", "=inf", "=1e999"])
def test_a_number_that_is_none_is_harmless(value: str) -> None:
    script = script_of(f"[sandbox:slow{value}][sandbox:429{value}]")
    assert script.slow_seconds == 0
    script.refusal(1)


def test_the_documentation_lists_every_directive() -> None:
    rows = re.findall(r"^\| `\[sandbox:([a-z0-9-]+)", DOCS.read_text(), re.MULTILINE)
    assert set(rows) == set(DIRECTIVES)
