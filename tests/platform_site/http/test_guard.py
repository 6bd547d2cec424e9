"""Requests to places somebody outside named go nowhere but there (P31), TLS names included."""

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from platform_site.http import (
    AddressRefused,
    GuardedBackend,
    GuardedClient,
    guarded_client,
    provably_unsent,
    shared_ssl_context,
    system_resolve,
)
from tests.support.local_server import LocalServer, Names, running, self_signed, whole

PUBLIC = "93.184.215.14"


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
