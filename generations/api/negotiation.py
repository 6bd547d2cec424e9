"""What bodies and answers are written in: JSON, as the vendor's."""

from collections.abc import Sequence

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from platform_site.errors import InvalidRequest

_MAX_SHOWN = 80


class AlwaysJson(DefaultContentNegotiation):
    """Ignores `Accept` and `?format=`: a client that cannot be answered learns nothing at all."""

    def select_renderer(
        self,
        request: Request,
        renderers: Sequence[BaseRenderer],  # type: ignore[override]
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Return the one renderer there is and its media type."""
        return renderers[0], renderers[0].media_type or "application/json"

    def select_parser(
        self,
        request: Request,
        parsers: Sequence[BaseParser],  # type: ignore[override]
    ) -> BaseParser:
        """Return the parser of the body's type.

        Raises `InvalidRequest`, which says what came and what the path takes, for another type and
        for a body that is compressed.
        """
        coding = request.headers.get("Content-Encoding", "").strip()
        if coding.lower() not in {"", "identity"}:
            raise InvalidRequest(
                f"The body is compressed (Content-Encoding: {coding[:_MAX_SHOWN]}). Send it "
                "uncompressed."
            )
        found = super().select_parser(request, parsers)
        if found is None:
            sent = (request.content_type or "").partition(";")[0].strip()[:_MAX_SHOWN]
            says = f"says {sent}" if sent else "has none"
            raise InvalidRequest(
                f"The Content-Type must be {parsers[0].media_type}; this request {says}."
            )
        return found
