"""The links to films."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.waiting import until


def test_a_link_serves_ranges(client: Any) -> None:
    (url,) = client.film()["output"]["urls"]
    whole = httpx.get(url).content
    part = httpx.get(url, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == whole[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"


def test_links_are_unguessable_and_differ_for_the_same_film(client: Any) -> None:
    links = [client.film()["output"]["urls"][0] for _ in range(2)]
    assert links[0] != links[1]
    names = [link.rpartition("/")[2].removesuffix(".mp4") for link in links]
    assert all(len(name) == 32 for name in names)
    assert httpx.get(links[0]).content == httpx.get(links[1]).content


def test_an_unknown_name_is_not_found(client: Any) -> None:
    assert httpx.get(f"{client.vendor.url}/files/nothing.mp4").status_code == 404


def test_an_unfinished_film_is_not_served(client: Any) -> None:
    task_id = client.accepted("[sandbox:slow=60] a quiet lake")
    entry = client.book_entry(task_id)
    assert entry["status"] in ("pending", "processing")
    assert "link" not in entry


def test_a_link_may_break_off_some_downloads_and_then_none_more(client: Any) -> None:
    task = client.film("[sandbox:truncated=2] a quiet lake")
    (url,) = task["output"]["urls"]
    (whole,) = client.film()["output"]["urls"]
    assert httpx.head(url).status_code == 200  # which is no download
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(url)
    assert httpx.get(url).content == httpx.get(whole).content


def test_a_link_dies_after_its_life(
    launch: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    client = connect(launch(SANDBOX_LINK_LIFE="5"))
    (url,) = client.film()["output"]["urls"]
    assert httpx.get(url).status_code == 200
    until(lambda: httpx.get(url).status_code == 403, seconds=10)


def test_links_follow_the_host_of_the_create_call_or_the_set_origin(
    launch: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    client = connect(launch(SANDBOX_PUBLIC_URL="https://films.example.com/"))
    (url,) = client.film()["output"]["urls"]
    assert url.startswith("https://films.example.com/files/")


def test_links_follow_the_host_header(client: Any) -> None:
    client.http.headers["Host"] = "sandbox.test:1234"
    (url,) = client.film()["output"]["urls"]
    assert url.startswith("http://sandbox.test:1234/files/")


def test_latency_is_added_to_the_api(
    launch: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    client = connect(launch(SANDBOX_LATENCY="0.2"))
    started = time.perf_counter()
    client.credits()
    assert time.perf_counter() - started >= 0.2
