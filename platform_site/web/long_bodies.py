"""Addresses that take more of a body than others, and who may send it."""

import re
from typing import NamedTuple

from platform_site.web.addresses import tidied


class LongBody(NamedTuple):
    """Which bodies are long.

    Attributes:
        pattern: What a path must match as a whole.
        size: Bytes that are read at most.
        judge: Where the function is that says, by a request's head, whether its body is read. It
            takes a WSGI environment and refuses by returning false: the view then says why.
    """

    pattern: str
    size: int
    judge: str

    def is_at(self, path: str) -> bool:
        """Return whether the bodies of a path are such."""
        return re.fullmatch(self.pattern, tidied(path)) is not None
