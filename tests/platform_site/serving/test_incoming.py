"""Requests as their bytes come, however they are cut."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_site.serving.bounds import Bounds
from platform_site.serving.incoming import Incoming, Stage
from platform_site.serving.refusals import Refused
from tests.support.serving import configuration, longest_body_at

CFG = configuration()
PEER = ("192.0.2.1", 4000)
CHUNKED = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
REQUESTS = [
    (b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", "/a", b""),
    (
        b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nab\r\n\r\ncd",
        "/b",
        b"ab\r\n\r\ncd",
    ),
    (
        CHUNKED + b'4;a="b"\r\n\r\n\r\n\r\nB\r\nhello world\r\n0\r\nX-A: b\r\n\r\n',
        "/c",
        b"\r\n\r\nhello world",
    ),
    (b"\r\nPOST /d HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "/d", b""),
]


def requests_of(pieces: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield the path and body of each request that has come whole, as a connection reads them."""
    incoming = Incoming(CFG, PEER, bounds=Bounds(), longest_body=longest_body_at)
    for piece in pieces:
        incoming.feed(piece)
        while incoming.stage is Stage.WHOLE:
            yield incoming.head.path, incoming.open_body().read()
            rest = incoming.rest
            incoming.close()
            incoming = Incoming(CFG, PEER, bounds=Bounds(), longest_body=longest_body_at)
            incoming.feed(rest)


# A busy machine is no fault of theirs.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@unhurried
@given(
    st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=4),
    st.lists(st.integers(min_value=0, max_value=600), max_size=30),
)
def test_requests_are_the_same_however_their_bytes_are_cut(
    sent: list[tuple[bytes, str, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(raw for raw, _, _ in sent)
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(bounds)]

    assert list(requests_of(pieces)) == [(path, body) for _, path, body in sent]


@unhurried
@given(
    st.sampled_from([raw for raw, _, _ in REQUESTS] + [b""]),
    st.integers(min_value=0, max_value=200),
    st.binary(max_size=40),
)
def test_p33_whatever_comes_is_a_request_or_refused(raw: bytes, at: int, noise: bytes) -> None:
    """No other error: a traceback in the log could repeat what was sent."""
    with suppress(Refused):
        list(requests_of([raw[:at], noise, raw[at:]]))


@pytest.mark.parametrize(
    ("length", "stage"),
    [(100_000, Stage.BODY), (100_001, Stage.TOO_LONG), (10**30, Stage.TOO_LONG)],
)
def test_what_is_announced_decides_whether_a_body_is_read(length: int, stage: Stage) -> None:
    incoming = Incoming(CFG, PEER, bounds=Bounds(), longest_body=longest_body_at)
    incoming.feed(f"POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())
    assert incoming.stage is stage
    assert incoming.kept == 0


def test_an_address_spelt_otherwise_takes_as_long_a_body() -> None:
    incoming = Incoming(CFG, PEER, bounds=Bounds(), longest_body=longest_body_at)
    incoming.feed(b"POST /%6Cong?a=b HTTP/1.1\r\nContent-Length: 200000\r\n\r\n")
    assert incoming.stage is Stage.BODY
