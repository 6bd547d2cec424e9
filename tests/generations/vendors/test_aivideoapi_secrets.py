"""The key of a client is in no error and no report (P33)."""

import json
from collections.abc import Iterator

import pytest

from tests.support.provider_client import SECRET, client, create_at
from tests.support.vendor import (
    CREATE,
    TASKS,
    Vendor,
    drop,
    html,
    refuse,
    reset,
    running_vendor,
    say,
)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with running_vendor() as vendor:
        yield vendor


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def test_p33_no_error_of_the_client_shows_the_key(vendor: Vendor) -> None:
    split = SECRET.replace("-", "\0-")
    hidden = f'{{"error": {{"code": "bad", "message": "{escaped(SECRET)}"}}}}'
    replies = [
        refuse(401, f"bad {SECRET}", f"Incorrect API key {SECRET}."),
        refuse(401, "bad", split),
        say(401, hidden.encode()),
        say(401, hidden.encode("utf-16")),
        html(500),
        drop,
        reset,
        say(500, {"error": SECRET}),
        say(200, {"data": {"taskId": [SECRET]}}),
        say(200, {"data": {"taskId": f"{SECRET}\n"}}),
        say(200, f"{escaped(SECRET)} {SECRET}".encode()),
        say(200, f"{escaped(split)} {split}".encode("utf-16")),
    ]
    for reply in replies:
        vendor.next(CREATE, reply)
        error: BaseException | None = create_at(vendor.url)
        while error is not None:
            assert SECRET not in f"{error!s}{error!r}{error.args}{vars(error)}"
            error = error.__cause__


def test_p33_no_report_of_the_client_shows_the_key(vendor: Vendor) -> None:
    vendor.add_task("t-1")
    vendor.finish("t-1", urls=[], ratio=SECRET, resolution=SECRET.replace("-", "\0-"))
    vendor.fail("t-1", SECRET, escaped(SECRET))
    hidden = json.dumps(vendor.tasks["t-1"]).replace("\\\\u", "\\u")
    vendor.next(f"{TASKS}t-1", say(200, hidden.encode()))
    report = client(vendor.url).get_task("t-1")
    assert report.error_message == "sk-…cdef"
    assert SECRET not in repr(report)


@pytest.mark.parametrize("before", [*range(0, 60, 3), *range(1950, 2000, 3)])
def test_p33_the_key_is_found_before_a_text_is_cut(vendor: Vendor, before: int) -> None:
    said = "x" * before + SECRET
    vendor.add_task("t-1")
    vendor.finish("t-1", urls=[f"https://file.example/a.mp4?key={SECRET}"], ratio=said)
    vendor.tasks["t-1"]["error"] = {"code": said, "message": said}
    shown = repr(client(vendor.url).get_task("t-1"))
    vendor.next(CREATE, refuse(400, said, said))
    shown += repr(vars(create_at(vendor.url)))
    # Its beginning is the same for every key of the sandbox's; the rest is secret.
    assert SECRET[:12] not in shown
