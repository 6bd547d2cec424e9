"""Webhooks to places somebody outside named: as signed, once, and for a bounded time."""

import threading

import httpx
import pytest

from platform_site.http import (
    GuardedClient,
    PostFailed,
    PostRefused,
    guarded_client,
    post_json,
)
from tests.support.local_server import LocalServer, Visit, redirect


def test_a_body_is_posted_byte_for_byte_with_its_headers(
    server: LocalServer, client: GuardedClient
) -> None:
    server.answers["/hook"] = lambda visit: visit.reply(200, b"thanks \x00\xff")

    reply = post_json(client, f"{server.origin}/hook", b'{"a":  1}', {"webhook-id": "msg_1"})

    visit = server.visits[0]
    assert (reply.status, reply.snippet) == (200, "thanks ��")
    assert (visit.command, visit.body) == ("POST", b'{"a":  1}')
    assert visit.headers["webhook-id"] == "msg_1"
    assert visit.headers.get_all("content-type") == ["application/json"]


def test_p31_a_webhooks_redirect_is_reported_and_not_followed(
    server: LocalServer, client: GuardedClient
) -> None:
    server.answers["/hook"] = redirect(f"{server.origin}/elsewhere", 307)

    assert post_json(client, f"{server.origin}/hook", b"{}", {}).status == 307
    assert len(server.visits) == 1


def test_p31_a_receiver_that_is_not_public_gets_nothing(server: LocalServer) -> None:
    with guarded_client() as client, pytest.raises(PostRefused) as caught:
        post_json(client, f"{server.origin}/hook", b"{}", {})

    assert caught.value.unsent
    assert server.visits == []


def test_p31_an_endless_reply_is_read_up_to_the_cap_only(
    server: LocalServer, client: GuardedClient
) -> None:
    def endless(visit: Visit) -> None:
        visit.reply(500, b"", Content_Length="")
        while True:
            visit.wfile.write(b"no" * 1000)
            written.append(2000)

    written: list[int] = []
    server.answers["/hook"] = endless

    reply = post_json(client, f"{server.origin}/hook", b"{}", {})

    assert (reply.status, len(reply.snippet)) == (500, 1000)
    assert sum(written) < 16_000_000, "more than what the kernel takes in advance"


def test_a_reply_that_breaks_off_still_counts(server: LocalServer, client: GuardedClient) -> None:
    server.answers["/hook"] = lambda visit: visit.reply(200, b"half", Content_Length="100")

    reply = post_json(client, f"{server.origin}/hook", b"{}", {})

    assert (reply.status, reply.snippet) == (200, "half")


def test_a_receiver_that_says_nothing_fails_at_the_deadline_and_may_have_got_it(
    server: LocalServer,
) -> None:
    def hesitate(visit: Visit) -> None:
        if not over.wait(5):
            visit.reply(200)

    over = threading.Event()
    server.answers["/hook"] = hesitate

    with (
        # Without a deadline it would wait for ever.
        guarded_client(
            allow=frozenset({f"127.0.0.1:{server.port}"}), timeout=httpx.Timeout(None)
        ) as client,
        pytest.raises(PostFailed) as caught,
    ):
        post_json(client, f"{server.origin}/hook", b"{}", {}, deadline_seconds=0.2)
    over.set()
    assert not caught.value.unsent


def test_a_malformed_receiver_is_refused(client: GuardedClient) -> None:
    for url in ("", "hook", "http://", "http://films.example.com/\n", "http://xn--a.example.com/"):
        with pytest.raises((PostRefused, PostFailed)) as caught:
            post_json(client, url, b"{}", {})
        assert caught.value.unsent
