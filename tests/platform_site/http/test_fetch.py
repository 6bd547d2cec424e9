"""Downloads from places somebody outside named: bounded, checked, and gone on with."""

import hashlib
import io
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from platform_site.http import (
    Fetched,
    FetchFailed,
    FetchGone,
    FetchRefused,
    GuardedClient,
    TooLarge,
    Truncated,
    fetch_to_file,
    guarded_client,
    post_json,
    provably_unsent,
    total_deadline,
)
from tests.support.local_server import (
    FILM,
    LocalServer,
    Names,
    Visit,
    redirect,
    running,
    self_signed,
    whole,
)

SHA256 = hashlib.sha256(FILM).hexdigest()


def ranged(visit: Visit) -> None:
    wanted = visit.headers.get("range")
    if not wanted or visit.headers.get("if-range", '"v1"') != '"v1"':
        return whole(visit)
    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
    if start >= len(FILM):
        return visit.reply(416, Content_Range=f"bytes */{len(FILM)}")
    part = f"bytes {start}-{len(FILM) - 1}/{len(FILM)}"
    return visit.reply(206, FILM[start:], Content_Range=part, ETag='"v1"')


def cut(visit: Visit) -> None:
    visit.send_response(200)
    visit.send_header("Content-Length", str(len(FILM)))
    visit.send_header("ETag", '"v1"')
    visit.end_headers()
    visit.wfile.write(FILM[:100_000])


def fetch(
    client: GuardedClient,
    url: str,
    file: io.BytesIO | None = None,
    *,
    max_bytes: int = len(FILM),
    deadline_seconds: float = 5.0,
    allowed_hosts: Callable[[str], bool] | None = None,
    validator: str | None = None,
) -> Fetched:
    return fetch_to_file(
        client,
        url,
        io.BytesIO() if file is None else file,
        max_bytes=max_bytes,
        deadline_seconds=deadline_seconds,
        allowed_hosts=allowed_hosts,
        validator=validator,
    )


def test_a_file_arrives_whole_with_its_size_and_digest(
    server: LocalServer, client: GuardedClient
) -> None:
    server.answers["/film"] = whole
    file = io.BytesIO(b"something longer that was there before" * 10_000)

    fetched = fetch(client, f"{server.origin}/film", file)

    assert fetched == Fetched(len(FILM), SHA256, "video/mp4", 0)
    assert file.getvalue() == FILM
    assert "range" not in server.visits[0].headers


def test_p31_every_redirect_is_checked_again(server: LocalServer, client: GuardedClient) -> None:
    server.answers["/film"] = whole
    server.answers["/ok"] = redirect("/film", 307)
    assert fetch(client, f"{server.origin}/ok").sha256 == SHA256

    for location in (
        f"http://localhost:{server.port}/film",
        "http://169.254.169.254/latest/meta-data/",
        "http://0x7f.1:80/film",
        "file:///etc/passwd",
        "http://me@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "\\\\127.0.0.1\\film",
    ):
        server.answers["/bad"] = redirect(location)
        with pytest.raises(FetchRefused):
            fetch(client, f"{server.origin}/bad")


def test_p31_a_name_that_turns_private_is_refused_on_the_next_connection(
    server: LocalServer,
) -> None:
    server.answers["/"] = redirect(f"http://films.example.com:{server.port}/private")
    server.answers["/private"] = whole
    names = Names(["127.0.0.1"])
    with (
        guarded_client(
            allow=frozenset({f"cdn.example.com:{server.port}"}), resolve=names
        ) as client,
        pytest.raises(FetchRefused),
    ):
        fetch(client, f"http://cdn.example.com:{server.port}/")

    assert [visit.path for visit in server.visits] == ["/"]


def test_p31_only_hosts_on_the_list_are_asked_redirects_included(server: LocalServer) -> None:
    server.answers["/film"] = redirect(f"http://evil.example.com:{server.port}/film")
    allow = frozenset({f"{name}.example.com:{server.port}" for name in ("cdn", "evil")})
    names = Names(["127.0.0.1"])
    with (
        guarded_client(allow=allow, resolve=names) as client,
        pytest.raises(FetchRefused) as caught,
    ):
        fetch(
            client,
            f"http://CDN.example.com:{server.port}/film?sig=secret",
            allowed_hosts=lambda host: host == "cdn.example.com",
        )

    assert "evil.example.com" in caught.value.reason
    assert len(server.visits) == 1
    assert names.asked == [("cdn.example.com", server.port)]


UNREADABLE = ["http://[::1/", "http://[bad]/", "http://xn--a.example.com/"]


@pytest.mark.parametrize("location", UNREADABLE)
def test_p31_a_redirect_to_nowhere_readable_is_an_end(
    server: LocalServer, client: GuardedClient, location: str
) -> None:
    server.answers["/film"] = redirect(location)

    with pytest.raises(FetchFailed) as caught:
        fetch(client, f"{server.origin}/film")
    assert caught.value.status == 302
    assert post_json(client, f"{server.origin}/film", b"{}", {}).status == 302


def test_p31_a_redirect_from_https_to_http_is_not_followed(
    server: LocalServer, tmp_path: Path
) -> None:
    certificate = self_signed("films.example.com", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    trusting = ssl.create_default_context(cafile=certificate)
    with running(LocalServer()) as plain:
        plain.answers["/film"] = whole
        server.answers["/film"] = redirect(f"http://films.example.com:{plain.port}/film")
        allow = frozenset({f"films.example.com:{port}" for port in (server.port, plain.port)})
        with (
            guarded_client(allow=allow, verify=trusting, resolve=Names(["127.0.0.1"])) as client,
            pytest.raises(FetchRefused, match="from https to http"),
        ):
            fetch(client, f"https://films.example.com:{server.port}/film")
        assert plain.visits == []


def test_p31_endless_redirects_end(server: LocalServer, client: GuardedClient) -> None:
    server.answers["/film"] = redirect("/film")

    with pytest.raises(FetchFailed, match="more than 3 times"):
        fetch(client, f"{server.origin}/film")
    assert len(server.visits) == 4


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_dead_link_is_gone(server: LocalServer, client: GuardedClient, status: int) -> None:
    server.answers["/film"] = lambda visit: visit.reply(status)

    with pytest.raises(FetchGone) as caught:
        fetch(client, f"{server.origin}/film")
    assert caught.value.status == status


@pytest.mark.parametrize("status", [204, 206, 304, 400, 416, 429, 500, 503])
def test_any_other_status_may_be_different_next_time(
    server: LocalServer, client: GuardedClient, status: int
) -> None:
    server.answers["/film"] = lambda visit: visit.reply(status)

    with pytest.raises(FetchFailed) as caught:
        fetch(client, f"{server.origin}/film")
    assert caught.value.status == status
    assert not isinstance(caught.value, Truncated)


def test_an_error_never_repeats_the_links_path_or_query(
    server: LocalServer, client: GuardedClient
) -> None:
    server.answers["/film"] = lambda visit: visit.reply(500)
    with pytest.raises(FetchFailed) as failed:
        fetch(client, f"{server.origin}/film?X-Amz-Signature=secret")
    with guarded_client() as strict, pytest.raises(FetchRefused) as refused:
        fetch(strict, f"{server.origin}/film?X-Amz-Signature=secret")

    assert "film" not in str(failed.value) + str(refused.value)
    assert "secret" not in str(failed.value) + str(refused.value)


def test_p31_a_file_over_the_cap_is_refused_announced_or_not(
    server: LocalServer, client: GuardedClient
) -> None:
    server.answers["/announced"] = whole
    server.answers["/chunked"] = lambda visit: visit.reply(200, FILM, Content_Length="")
    for path in ("/announced", "/chunked"):
        file = io.BytesIO()
        with pytest.raises(TooLarge):
            fetch(client, server.origin + path, file, max_bytes=len(FILM) - 1)
        assert len(file.getvalue()) < len(FILM)
        assert fetch(client, server.origin + path, max_bytes=len(FILM)).size == len(FILM)


def test_p31_a_compressed_answer_that_nobody_asked_for_is_refused(
    server: LocalServer, client: GuardedClient
) -> None:
    server.answers["/film"] = lambda visit: visit.reply(200, b"bomb", Content_Encoding="gzip")

    with pytest.raises(FetchFailed, match="compressed"):
        fetch(client, f"{server.origin}/film")


@pytest.mark.parametrize("part", ["header", "body"])
def test_p31_a_server_that_drips_is_cut_off_at_the_deadline(
    server: LocalServer, client: GuardedClient, part: str
) -> None:
    def drip(visit: Visit) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 256000\r\n"
        visit.wfile.write(head + (b"\r\n" if part == "body" else b"X-Slow: "))
        while not over.wait(0.05):
            visit.wfile.write(b"x")
            drops.append(b"x")

    over = threading.Event()
    drops: list[bytes] = []
    server.answers["/film"] = drip
    with pytest.raises(FetchFailed):
        fetch(client, f"{server.origin}/film", deadline_seconds=0.4)
    over.set()

    assert len(drops) < 40


def test_a_deadline_that_has_passed_sends_nothing(
    server: LocalServer, client: GuardedClient
) -> None:
    with total_deadline(0), pytest.raises(httpx.TimeoutException) as caught:
        client.get(f"{server.origin}/")

    assert provably_unsent(caught.value)
    assert server.visits == []


def test_a_download_that_breaks_off_is_taken_up_where_it_ended(
    server: LocalServer, client: GuardedClient
) -> None:
    server.answers["/film"] = cut
    file = io.BytesIO()
    with pytest.raises(Truncated) as caught:
        fetch(client, f"{server.origin}/film", file)
    assert caught.value.validator == '"v1"'
    assert file.getvalue() == FILM[:100_000]

    server.answers["/film"] = ranged
    fetched = fetch(client, f"{server.origin}/film", file, validator=caught.value.validator)

    assert fetched == Fetched(len(FILM), SHA256, "", 100_000)
    assert file.getvalue() == FILM
    assert server.visits[1].headers["range"] == "bytes=100000-"
    assert server.visits[1].headers["if-range"] == '"v1"'


def test_a_file_that_changed_meanwhile_is_fetched_from_zero(
    server: LocalServer, client: GuardedClient
) -> None:
    server.answers["/film"] = ranged
    file = io.BytesIO(b"old" * 1000)

    fetched = fetch(client, f"{server.origin}/film", file, validator='"v0"')

    assert (fetched.sha256, fetched.resumed_from) == (SHA256, 0)
    assert file.getvalue() == FILM


def test_a_file_that_was_complete_already_is_fetched_again_to_be_sure(
    server: LocalServer, client: GuardedClient
) -> None:
    server.answers["/film"] = ranged
    file = io.BytesIO(FILM)

    assert fetch(client, f"{server.origin}/film", file, validator='"v1"').sha256 == SHA256
    assert [visit.headers.get("range") for visit in server.visits] == ["bytes=256000-", None]


@pytest.mark.parametrize(
    ("content_range", "etag"),
    [("", '"v1"'), ("bytes 5-255999/256000", '"v1"'), ("bytes 10-255999/256000", '"v2"')],
)
def test_a_part_that_was_not_asked_for_is_not_glued_on(
    server: LocalServer, client: GuardedClient, content_range: str, etag: str
) -> None:
    def confused(visit: Visit) -> None:
        if visit.headers.get("range"):
            return visit.reply(206, FILM[10:], Content_Range=content_range, ETag=etag)
        return whole(visit)

    server.answers["/film"] = confused
    file = io.BytesIO(FILM[:10])

    assert fetch(client, f"{server.origin}/film", file, validator='"v1"').sha256 == SHA256
    assert file.getvalue() == FILM
    assert [visit.headers.get("range") for visit in server.visits] == ["bytes=10-", None]


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": 'W/"v1"'}, None),
        ({}, None),
        ({"Last_Modified": "Fri, 02 Jan 2026 03:04:05 GMT"}, "Fri, 02 Jan 2026 03:04:05 GMT"),
        ({"Last_Modified": "Fri, 02 Jan 2999 03:04:05 GMT"}, None),
        ({"Last_Modified": "yesterday"}, None),
    ],
)
def test_only_a_strong_validator_lets_a_download_go_on(
    server: LocalServer, client: GuardedClient, headers: dict[str, str], validator: str | None
) -> None:
    server.answers["/film"] = lambda visit: visit.reply(
        200, FILM[:10], **{"Content_Length": str(len(FILM)), **headers}
    )

    with pytest.raises(Truncated) as caught:
        fetch(client, f"{server.origin}/film")
    assert caught.value.validator == validator
