"""Requests to places somebody outside named are safe (P31), against real servers on loopback."""

import hashlib
import io
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from platform_site.http import (
    AddressRefused,
    Fetched,
    FetchFailed,
    FetchGone,
    FetchRefused,
    GuardedBackend,
    GuardedClient,
    PostFailed,
    PostRefused,
    TooLarge,
    Truncated,
    fetch_to_file,
    guarded_client,
    post_json,
    provably_unsent,
    shared_ssl_context,
    system_resolve,
    total_deadline,
)

FILM = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(FILM).hexdigest()
PUBLIC = "93.184.215.14"

Answer = Callable[["Visit"], object]


class Visit(BaseHTTPRequestHandler):
    """One request to the local server, answered by the function its path names."""

    protocol_version = "HTTP/1.1"
    server: "LocalServer"

    def do_GET(self) -> None:
        self.server.visits.append(self)
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.close_connection = True
        self.server.answers[self.path.partition("?")[0]](self)

    do_POST = do_GET  # noqa: N815

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Connection", "close")
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output quiet."""


class LocalServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.answers: dict[str, Answer] = {}
        self.visits: list[Visit] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of these tests."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running(server: LocalServer) -> Iterator[LocalServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with running(LocalServer()) as local:
        yield local


@pytest.fixture
def client(server: LocalServer) -> Iterator[GuardedClient]:
    with guarded_client(allow=frozenset({f"127.0.0.1:{server.port}"}), timeout=2.0) as guarded:
        yield guarded


class Names:
    """Stand in for the resolver: each look-up of a name takes its next list of addresses."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def whole(visit: Visit) -> None:
    visit.reply(200, FILM, Content_Type="video/mp4", ETag='"v1"')


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


def redirect(location: str, status: int = 302) -> Answer:
    return lambda visit: visit.reply(status, Location=location)


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


# The guard


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.1", "localhost", "[::1]"]
)
def test_p31_loopback_is_not_reached_however_it_is_written(server: LocalServer, host: str) -> None:
    server.answers["/"] = whole
    with guarded_client() as client, pytest.raises(AddressRefused) as caught:
        client.get(f"http://{host}:{server.port}/")

    assert server.visits == []
    assert provably_unsent(caught.value)
    assert isinstance(caught.value, httpx.ConnectError)
    assert caught.value.reason


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        [PUBLIC, "127.0.0.1"],
        ["127.0.0.1", PUBLIC],
        ["::ffff:127.0.0.1"],
        [PUBLIC, "fe80::1%eth0"],
        ["64:ff9b::7f00:1"],
        ["0.0.0.0"],
    ],
)
def test_p31_a_name_with_any_address_that_is_not_public_is_refused(
    server: LocalServer, addresses: list[str]
) -> None:
    names = Names(addresses)
    with guarded_client(resolve=names) as client, pytest.raises(AddressRefused):
        client.get(f"http://films.example.com:{server.port}/")

    assert server.visits == []
    assert names.asked == [("films.example.com", server.port)]


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0"])
def test_p31_what_the_system_resolver_reads_as_local_is_refused(host: str) -> None:
    backend = GuardedBackend(allow=frozenset(), resolve=system_resolve)

    with pytest.raises(AddressRefused):
        backend.connect_tcp(host, 80, timeout=1.0)


def test_p31_the_address_that_was_checked_is_the_one_connected_to(server: LocalServer) -> None:
    server.answers["/"] = whole
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    allow = frozenset({f"films.example.com:{server.port}"})
    with guarded_client(allow=allow, resolve=names) as client:
        reply = client.get(f"http://films.example.com:{server.port}/")

    assert reply.status_code == 200
    assert len(names.asked) == 1
    assert server.visits[0].headers["host"] == f"films.example.com:{server.port}"


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


def test_p31_an_exemption_counts_for_its_port_only(
    server: LocalServer, client: GuardedClient
) -> None:
    with running(LocalServer()) as other:
        with pytest.raises(AddressRefused):
            client.get(f"{other.origin}/")
        assert other.visits == []


@pytest.mark.parametrize("url", ["ftp://films.example.com/", "http://me:pw@films.example.com/"])
def test_p31_a_url_of_doubtful_form_is_never_sent(url: str) -> None:
    names = Names(["127.0.0.1"])
    with guarded_client(resolve=names) as client, pytest.raises(httpx.TransportError) as caught:
        client.get(url)

    assert provably_unsent(caught.value)
    assert names.asked == []


def test_the_next_address_is_tried_when_one_does_not_answer(server: LocalServer) -> None:
    server.answers["/"] = whole
    names = Names(["127.0.0.3", "127.0.0.1"])
    allow = frozenset({f"films.example.com:{server.port}"})
    with guarded_client(allow=allow, resolve=names) as client:
        assert client.get(f"http://films.example.com:{server.port}/").status_code == 200


def test_a_refused_connection_and_an_unknown_name_are_provably_unsent(server: LocalServer) -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{unused.getsockname()[1]}"
        allow = frozenset({target})
        with guarded_client(allow=allow) as client, pytest.raises(httpx.ConnectError) as caught:
            client.get(f"http://{target}/")
    assert provably_unsent(caught.value)
    with guarded_client(resolve=unknown) as client, pytest.raises(httpx.ConnectError) as caught:
        client.get("http://films.example.com/")
    assert provably_unsent(caught.value)
    assert not isinstance(caught.value, AddressRefused)


def test_a_connection_lost_after_sending_is_not_provably_unsent(
    server: LocalServer, client: GuardedClient
) -> None:
    server.answers["/"] = lambda visit: None
    with pytest.raises(httpx.RemoteProtocolError) as caught:
        client.get(f"{server.origin}/")

    assert not provably_unsent(caught.value)


def test_clients_share_one_tls_context_and_keep_no_cookies(
    server: LocalServer, client: GuardedClient
) -> None:
    server.answers["/"] = lambda visit: visit.reply(200, Set_Cookie="a=b")
    client.get(f"{server.origin}/")
    client.get(f"{server.origin}/")

    assert "cookie" not in server.visits[1].headers
    assert server.visits[1].headers["accept-encoding"] == "identity"
    assert shared_ssl_context() is shared_ssl_context()


def test_proxies_of_the_environment_are_not_used(
    server: LocalServer, client: GuardedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.answers["/"] = whole
    with guarded_client(allow=frozenset({f"127.0.0.1:{server.port}"})) as fresh:
        assert fresh.get(f"{server.origin}/").status_code == 200


def test_p31_tls_and_host_keep_the_name_while_the_address_is_pinned(
    server: LocalServer, tmp_path: Path
) -> None:
    certificate = self_signed("films.example.com", tmp_path)
    asked_names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: asked_names.append(name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.answers["/"] = whole
    allow = frozenset({f"{name}.example.com:{server.port}" for name in ("films", "other")})
    trusting = ssl.create_default_context(cafile=certificate)

    with guarded_client(allow=allow, verify=trusting, resolve=Names(["127.0.0.1"])) as client:
        assert client.get(f"https://films.example.com:{server.port}/").status_code == 200
        with pytest.raises(httpx.ConnectError, match="certificate"):
            client.get(f"https://other.example.com:{server.port}/")

    assert asked_names == ["films.example.com", "other.example.com"]
    assert [visit.headers["host"] for visit in server.visits] == [
        f"films.example.com:{server.port}"
    ]


def self_signed(name: str, folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path


# Downloads


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
            pytest.raises(FetchRefused, match="less safe"),
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

    over = threading.Event()
    server.answers["/film"] = drip
    with pytest.raises(FetchFailed):
        fetch(client, f"{server.origin}/film", deadline_seconds=0.4)
    over.set()


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


# Webhooks


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

    server.answers["/hook"] = endless

    reply = post_json(client, f"{server.origin}/hook", b"{}", {})

    assert (reply.status, len(reply.snippet)) == (500, 1000)


def test_a_reply_that_breaks_off_still_counts(server: LocalServer, client: GuardedClient) -> None:
    server.answers["/hook"] = lambda visit: visit.reply(200, b"half", Content_Length="100")

    reply = post_json(client, f"{server.origin}/hook", b"{}", {})

    assert (reply.status, reply.snippet) == (200, "half")


def test_a_receiver_that_says_nothing_fails_at_the_deadline_and_may_have_got_it(
    server: LocalServer,
) -> None:
    over = threading.Event()
    server.answers["/hook"] = lambda visit: over.wait()

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
