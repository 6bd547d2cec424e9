"""Read a JSON body strictly: its type, its size, and only what JSON allows."""

import codecs
import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from rest_framework.parsers import BaseParser

from platform_site.errors import InvalidRequest

_MAX_SHOWN = 60
# How bodies begin that are no JSON in UTF-8, and what they are instead.
_BEGINNINGS = {
    b"\x1f\x8b": "It is compressed with gzip; send it uncompressed.",
    b"\x28\xb5\x2f\xfd": "It is compressed with zstd; send it uncompressed.",
    codecs.BOM_UTF8: "It begins with a byte order mark; send UTF-8 without one.",
    b"--": "It looks like a form; send a JSON object.",
}


class StrictJSONParser(BaseParser):
    """Parse `application/json`; NaN, doubled keys and endless nesting are refused."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],  # the request's own body knows the size limit
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the JSON value. Raises `InvalidRequest`, which says what is wrong and where."""
        request = (parser_context or {})["request"]
        try:
            body: bytes = request._request.body  # noqa: SLF001  # DRF offers no public way to it
        except RequestDataTooBig:
            raise InvalidRequest(
                "The body is too large; at most 1 MB is allowed. Images go to POST /v1/uploads."
            ) from None
        for beginning, words in _BEGINNINGS.items():
            if body.startswith(beginning):
                raise InvalidRequest(f"The body is not valid JSON. {words}")
        encoding = json.detect_encoding(body)[:6].upper()
        if encoding in {"UTF-16", "UTF-32"}:
            raise InvalidRequest(f"The body is not valid JSON. It is in {encoding}; send UTF-8.")
        try:
            return json.loads(
                body.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_unique
            )
        except UnicodeDecodeError as error:
            words = f"Byte {error.start + 1} is not UTF-8."
        except json.JSONDecodeError as error:
            words = f"Line {error.lineno}, column {error.colno}: {error.msg}."
        except RecursionError:
            words = "It is nested too deeply."
        except ValueError:
            words = "A number has too many digits."
        raise InvalidRequest(f"The body is not valid JSON. {words}")


def _refuse(constant: str) -> NoReturn:
    raise InvalidRequest(f"The body is not valid JSON. {constant} is not a JSON number.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            # Two readers could take different ones, and one of them bills.
            shown = name[:_MAX_SHOWN].encode("utf-8", "replace").decode()
            raise InvalidRequest(f"The body names the field '{shown}' twice.", field=shown)
        found[name] = value
    return found
