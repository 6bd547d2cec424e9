"""Addresses and URLs are judged without the network (P31)."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_site.http.addresses import (
    allowed_targets,
    client_ip,
    in_networks,
    is_public,
    literal_address_problem,
    parse_networks,
)

PROXIES = parse_networks(["10.0.0.0/8", "fd00::/8"])

LOCAL_IN_ANY_SPELLING = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0X7F000001",
    "0x7f.0x0.0x0.0x1",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.0x1",
    "00000177.1",
    "0",
    "0.0.0.0",
    "0x",
    "127.0.0.1.0x0",
    "１２７.０.０.１",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "127．0．0．1",
    "127｡0｡0｡1",
    "２１３０７０６４３３",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "films.localhost",
    "localhost.localdomain",
    "printer.local",
    "metadata.google.internal",
    "router.home.arpa",
    "db",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a00:1]",
    "[64:ff9b:1::8.8.8.8]",
    "[2002:7f00:1::]",
    "[2002:a00:1::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[2606:4700::1111%251]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[127.0.0.1]",
    "[v1.fe80::a]",
]

SPECIAL_RANGES = [
    ("10.1.2.3", "a private"),
    ("172.31.255.255", "a private"),
    ("192.168.0.1", "a private"),
    ("169.254.169.254", "a link-local"),
    ("100.64.0.1", "a carrier-grade NAT"),
    ("100.100.100.200", "a carrier-grade NAT"),
    ("224.0.0.1", "a multicast"),
    ("240.0.0.1", "a reserved"),
    ("255.255.255.255", "a broadcast"),
    ("198.18.0.1", "a benchmarking"),
    ("192.0.2.1", "a documentation"),
    ("198.51.100.1", "a documentation"),
    ("203.0.113.9", "a documentation"),
    ("0.1.2.3", "an unspecified"),
    ("168.63.129.16", "a cloud metadata"),
    ("[2001:db8::1]", "a documentation"),
    ("[fc00::1]", "a private"),
    ("[::ffff:10.0.0.1]", "a private"),
]


@pytest.mark.parametrize("host", LOCAL_IN_ANY_SPELLING)
def test_p31_a_local_host_is_refused_however_it_is_written(host: str) -> None:
    for url in (f"http://{host}/x.mp4", f"https://{host}:8443/", f"HTTP://{host}"):
        assert literal_address_problem(url) is not None


@pytest.mark.parametrize(("host", "kind"), SPECIAL_RANGES)
def test_p31_a_special_range_is_refused_by_its_name(host: str, kind: str) -> None:
    problem = literal_address_problem(f"https://{host}/hook")

    assert problem is not None
    assert f" is {kind} address" in problem


@pytest.mark.parametrize(
    "url",
    [
        "https://films.example.com/a/b.mp4?sig=%2F%20x#t=1",
        "http://films.example.com",
        "https://films.example.com.:8443/",
        "https://8.8.8.8/x",
        "https://[2606:4700:4700::1111]:443/x",
        "https://[64:ff9b::8.8.8.8]/x",
        "https://bücher.example.com/",
        "https://xn--bcher-kva.example.com/",
        "https://my_bucket.s3.amazonaws.com/影片.mp4",
        "https://localhost.example.com/",
        "https://1.2.3.4.nip.io/",
        "https://7f000001.example.com/",
    ],
)
def test_p31_a_public_name_or_plain_public_address_passes(url: str) -> None:
    assert literal_address_problem(url) is None


@pytest.mark.parametrize("host", ["134744072", "0x08080808", "010.8.8.8", "8.8.8.8.", "８.8.8.8"])
def test_p31_an_odd_spelling_is_refused_even_of_a_public_address(host: str) -> None:
    problem = literal_address_problem(f"https://{host}/")

    assert problem is not None
    assert "unusual form" in problem


@pytest.mark.parametrize(
    "url",
    [
        "",
        "films.example.com/x",
        "//films.example.com/x",
        "ftp://films.example.com/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http:films.example.com",
        "http:///x",
        "http://",
        "http://user@films.example.com/",
        "http://user:pass@films.example.com/",
        "http://films.example.com@127.0.0.1/",
        "http://films.example.com:/",
        "http://films.example.com:0/",
        "http://films.example.com:65536/",
        "http://films.example.com:80a/",
        "http://films.example.com:８０/",
        "http://films.example.com:80:80/",
        "http://films..example.com/",
        "http://-films.example.com/",
        "http://films.example.com../",
        "http://[::1",
        "http://::1/",
        "http://[::1]films.example.com/",
        "http://256.1.1.1/",
        "http://1.2.3.4.5/",
        "http://films.example.com\\@127.0.0.1/",
        "http://films.example.com/a b",
        " http://films.example.com/",
        "http://films.example.com/\r\nX-Evil: 1",
        "http://films.\texample.com/",
        "http://films.example.com/\x00",
        "http://films\u00ad.example.com/",
        "http://films\u200b.example.com/",
        "http://films.example.com/\u2028",
        f"http://films.example.com/{'a' * 2048}",
        f"http://{'a' * 64}.example.com/",
    ],
)
def test_p31_a_url_of_doubtful_form_is_refused(url: str) -> None:
    assert literal_address_problem(url) is not None


def test_p31_a_url_of_exactly_the_longest_length_passes() -> None:
    url = "https://films.example.com/"

    assert literal_address_problem(url + "a" * (2048 - len(url))) is None
    assert literal_address_problem(url + "a" * (2049 - len(url))) is not None


def test_p31_an_exempt_receiver_passes_on_its_own_port_only() -> None:
    allow = frozenset({"127.0.0.1:9000", "hooks:80", "[::1]:9001"})

    assert literal_address_problem("http://127.0.0.1:9000/x", allow=allow) is None
    assert literal_address_problem("http://HOOKS/x", allow=allow) is None
    assert literal_address_problem("http://[0::1]:9001/x", allow=allow) is None
    assert literal_address_problem("http://127.0.0.1:9001/x", allow=allow) is not None
    assert literal_address_problem("http://hooks:81/x", allow=allow) is not None


def test_p31_an_exemption_does_not_excuse_the_urls_form() -> None:
    allow = frozenset({"127.0.0.1:9000"})

    assert literal_address_problem("http://me@127.0.0.1:9000/", allow=allow) is not None
    assert literal_address_problem("ftp://127.0.0.1:9000/", allow=allow) is not None


def test_p31_a_refusal_repeats_neither_path_nor_query() -> None:
    problem = literal_address_problem("https://10.0.0.1/private?signature=abc")

    assert (
        problem == "The URL's host 10.0.0.1 is a private address; we connect only to public ones."
    )


@pytest.mark.parametrize("entry", ["hooks", "hooks:", "http://hooks:80", "hooks:http", ":80", ""])
def test_an_exemption_that_is_not_host_and_port_is_an_error(entry: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        allowed_targets(frozenset({entry}))


@given(st.ip_addresses())
def test_p31_nothing_that_python_calls_private_is_called_public(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert ip.is_global or not is_public(ip)


@given(st.ip_addresses(v=4))
def test_p31_an_ipv4_address_is_judged_the_same_inside_ipv6(ip: ipaddress.IPv4Address) -> None:
    assert is_public(f"::ffff:{ip}") == is_public(ip)
    assert is_public(f"64:ff9b::{ip}") == is_public(ip)


@given(st.text(max_size=80))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    literal_address_problem(text)
    literal_address_problem(f"http://{text}/")


def test_the_peer_is_the_client_when_it_is_no_proxy_of_ours() -> None:
    assert client_ip("198.51.100.7", "1.2.3.4", PROXIES) == "198.51.100.7"
    assert client_ip("198.51.100.7", None, PROXIES) == "198.51.100.7"
    assert client_ip("10.0.0.1", "1.2.3.4", ()) == "10.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
        ("1.2.3.4:5678, [fd00::2]:443", "1.2.3.4"),
        ("2001:db8::5", "2001:db8::5"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("10.3.3.3, 10.2.2.2", "10.3.3.3"),
        ("1.2.3.4, unknown, 10.2.2.2", "10.2.2.2"),
        ("1.2.3.4, <script>", "10.0.0.1"),
        ("", "10.0.0.1"),
        (" , ", "10.0.0.1"),
    ],
)
def test_the_client_is_the_first_untrusted_address_from_the_right(
    forwarded: str, client: str
) -> None:
    assert client_ip("10.0.0.1", forwarded, PROXIES) == client


def test_a_mapped_peer_counts_as_its_ipv4_address() -> None:
    assert client_ip("::ffff:10.0.0.1", "1.2.3.4", PROXIES) == "1.2.3.4"
    assert in_networks("::ffff:10.0.0.1", PROXIES)


def test_a_peer_without_an_address_is_nobody() -> None:
    assert client_ip("", "1.2.3.4", PROXIES) is None
    assert not in_networks(None, PROXIES)
    assert not in_networks("junk", PROXIES)


def test_a_network_with_host_bits_is_an_error() -> None:
    with pytest.raises(ValueError, match="host bits"):
        parse_networks(["10.0.0.1/8"])


def test_a_bare_address_is_a_network_of_one() -> None:
    networks = parse_networks([" 192.0.2.1 "])

    assert in_networks("192.0.2.1", networks)
    assert not in_networks("192.0.2.2", networks)
