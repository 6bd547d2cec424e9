"""From a request to a held, queued generation."""

from generations.ordering.alternatives import credits_left
from generations.ordering.priorities import (
    as_priority,
    orderable_priorities,
    priorities_for,
    set_priority,
)
from generations.ordering.request import MAX_PROMPT_CHARACTERS, read_reason, validate_request
from generations.ordering.submit import quote_request, submit_generation

__all__ = [
    "MAX_PROMPT_CHARACTERS",
    "as_priority",
    "credits_left",
    "orderable_priorities",
    "priorities_for",
    "quote_request",
    "read_reason",
    "set_priority",
    "submit_generation",
    "validate_request",
]
