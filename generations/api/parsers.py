"""Read a JSON body strictly: its type, its size, and only what JSON allows."""

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from rest_framework.parsers import BaseParser

from platform_site.errors import InvalidRequest


class StrictJSONParser(BaseParser):
    """Parse `application/json`; NaN, doubled keys and endless nesting are refused."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],  # the request's own body knows the size limit
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the JSON value. Raises `InvalidRequest`."""
        request = (parser_context or {})["request"]
        try:
            body = request._request.body  # noqa: SLF001  # DRF offers no public way to it
        except RequestDataTooBig:
            raise InvalidRequest("The body is too large; at most 1 MB is allowed.") from None
        try:
            return json.loads(
                body.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_unique
            )
        except (ValueError, RecursionError) as error:
            raise InvalidRequest("The body is not valid JSON.") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Two readers could take different ones, and one of them bills.
        raise InvalidRequest("The body names a field twice.")
    return found
