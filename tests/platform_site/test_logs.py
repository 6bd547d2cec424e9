"""P33: whatever is logged, by us or by a library, leaves without its secrets."""

import io
import json
import logging
import logging.config
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.test import Client

from platform_site.logs import logging_config, redact
from platform_site.secrets.cipher import Secret

KEYS = [
    "sk-0123456789abcdefghijklmnop",
    "sk-sandbox-0123456789_-abc",
    "sk-proj.with.dots/and+more==0123456789",
    "sk-0123456789:with:colons",
]


@pytest.fixture(params=[False, True], ids=["JSON", "readable"])
def readable(request: pytest.FixtureRequest) -> bool:
    """Whether lines are for people."""
    return bool(request.param)


@pytest.fixture
def stream(readable: bool) -> Iterator[io.StringIO]:
    """What the site's own handler writes."""
    text = io.StringIO()
    config = logging_config(debug=False, readable=readable)
    config["handlers"]["stderr"]["stream"] = text
    config["root"]["level"] = "DEBUG"
    before = logging.root.handlers[:], logging.root.level
    logging.config.dictConfig(config)
    yield text
    logging.root.handlers[:], logging.root.level = before


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines; each must be one JSON object."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "around", ["{}", "Bearer {}", '{{"key": "{}"}}', "?api_key={}&x=1", "({})", "a,{},b", "'{}'"]
)
def test_a_key_is_cut_down_to_its_last_four(key: str, around: str) -> None:
    shown = redact(around.format(key))
    assert shown == around.format(f"sk-…{key[-4:]}")


@pytest.mark.parametrize(
    "text", ["task-completed-12345", "sk-", "sk-ab", "ask - x", "sk-…abcd", "desk 12345"]
)
def test_other_words_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "path", ["/accounts/confirm-email/{}/", "/accounts/password/reset/key/1-{}/"]
)
def test_links_of_mails_are_cut_down_before_they_are_logged(path: str) -> None:
    token = secrets.token_urlsafe(32)
    assert redact(f"Not Found: {path.format(token)}").endswith("/…/")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/callbacks/{}", "/films/{}.mp4", "/films/{}-last.jpg", "/uploads/{}.png"]
)
def test_p30_no_address_that_opens_to_whoever_knows_it_is_logged(
    stream: io.StringIO, client: Client, path: str
) -> None:
    token = secrets.token_urlsafe(32)
    assert client.get(path.format(token)).status_code in {404, 405}
    assert path.partition("{")[0] in stream.getvalue()
    assert token not in stream.getvalue()


class Holder:
    """Something whose repr shows a key."""

    def __repr__(self) -> str:
        return f"<Holder {KEYS[0]}>"


@pytest.mark.parametrize(
    "value",
    [
        KEYS[0],
        [KEYS[0]],
        (KEYS[0],),
        {"a": {"b": [KEYS[0]]}},
        {KEYS[0]: 1},
        {KEYS[0]},
        KEYS[0].encode(),
        ValueError(f"refused {KEYS[0]}"),
        Holder(),
        Secret(KEYS[0]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_value_of_an_event_carries_a_key(stream: io.StringIO, value: Any) -> None:
    structlog.get_logger("generations.test").warning("tried", value=value)
    logging.getLogger("httpx").warning("tried %s", value)
    assert stream.getvalue().count("tried") == 2
    assert KEYS[0][:-4] not in stream.getvalue()


def test_neither_does_a_traceback(stream: io.StringIO) -> None:
    def fail(secret: str) -> None:
        raise ValueError(f"{secret} is no good")

    for logger in (structlog.get_logger("a.test"), logging.getLogger("b.test")):
        try:
            fail(KEYS[0])
        except ValueError:
            logger.exception("failed")
    assert stream.getvalue().count("ValueError: sk-") == 2
    assert KEYS[0][:-4] not in stream.getvalue()


@pytest.mark.parametrize("name", ["authorization", "Password", "token", "cookie", "secret"])
def test_what_is_called_a_secret_is_not_shown_at_all(stream: io.StringIO, name: str) -> None:
    structlog.get_logger("generations.test").warning("tried", **{name: "hunter2hunter2"})
    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize("readable", [False])
def test_numbers_and_words_stay_as_they_are(stream: io.StringIO) -> None:
    structlog.get_logger("generations.test").warning("kept", size=5, ok=True, none=None, name="x")
    line = lines(stream)[0]
    assert (line["size"], line["ok"], line["none"], line["name"]) == (5, True, None, "x")
