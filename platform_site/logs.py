"""Structured logs on stderr, with every secret taken out on the way."""

import re
from collections.abc import Mapping, MutableMapping
from functools import partial
from typing import Any

import structlog

# How a key goes on after its start, as a regular expression: nobody says which signs a vendor's may
# hold. What ends the sentence that it stands in is no part of it.
KEY_SIGNS = r"[A-Za-z0-9_\-.~+/=:@#$%^*|!?]{4,}(?<![.:!?])"

_masks: dict[str, str] = {}
# Whoever knows one of these addresses may use it: Django logs it whole when it answers 404.
_ADDRESS = re.compile(
    r"(/(?:approvals|callbacks|confirm-email|films|reset/key|uploads)/)[\w:-]{32,}"
)
_SECRET_NAMES = frozenset(
    {"authorization", "password", "secret", "token", "api_key", "provider_key_secret", "cookie"}
)


def mask_keys(pattern: str, *, mask: str) -> None:
    """Have `redact` put `mask` in place of whatever matches, all but its last four characters, so
    that an operator can tell which key is meant.

    `pattern` is a regular expression that matches whole keys, wherever they stand in a text. Each
    app names those it knows while the process starts.
    """
    _masks[pattern] = mask


def redact(text: str) -> str:
    """Return `text` with what looks like a key cut down to its last four characters, and without
    the tokens of addresses that open to whoever knows them.
    """
    for pattern, mask in _masks.items():
        text = re.sub(pattern, partial(_masked, mask), text)
    return _ADDRESS.sub(r"\1…", text)


def _masked(mask: str, key: re.Match[str]) -> str:
    return f"{mask}{key.group()[-4:]}"


def redact_event(_logger: object, _name: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Take keys out of a structlog event's values, nested ones included."""
    return {
        key: "•••" if key.lower() in _SECRET_NAMES else _redacted(value)
        for key, value in event.items()
    }


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return dict(redact_event(None, "", value))
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value


def redact_line(_logger: object, _name: str, line: str) -> str:
    """Take keys out of a rendered line: whatever an object's repr or a traceback put into it."""
    return redact(line)


def _shared_processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
        redact_event,
    ]


def structlog_processors() -> list[Any]:
    """Return the chain for our own loggers; it hands over to the standard library's handler."""
    return [
        structlog.stdlib.filter_by_level,
        *_shared_processors(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ]


def logging_config(*, debug: bool, readable: bool) -> dict[str, Any]:
    """Return a `dictConfig` that sends every record to stderr, `readable` or as JSON."""
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer()
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "events": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    renderer,
                    redact_line,
                ],
                # Records of other libraries pass the same redaction as ours.
                "foreign_pre_chain": _shared_processors(),
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "events"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django-q": {"level": "WARNING"},
            # It logs whole URLs, and ours carry unguessable tokens.
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            "django_structlog": {"level": "INFO" if debug else "WARNING"},
        },
    }
