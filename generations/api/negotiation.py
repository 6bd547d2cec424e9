"""What an answer is written in: JSON, as the vendor's, whatever a request says it would like."""

from collections.abc import Sequence

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


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
