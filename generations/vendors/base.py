"""What an answer of the vendor, or its absence, proves."""


class ProviderError(Exception):
    """Base of everything that keeps an answer from being a plain success."""

    def __init__(self, message: str) -> None:
        """Carry a sentence for the generation's events; never a secret."""
        self.message = message
        super().__init__(message)


class ProviderUnavailable(ProviderError):
    """The request was provably not sent: no connection, no name, no TLS. Trying again is safe."""


class ProviderRefused(ProviderError):
    """The vendor answered in its own error envelope: it did not accept.

    `code` is the vendor's word and decides what follows; a status alone never does (FACTS.md:
    there are two 429s and two 404s).
    """

    def __init__(self, *, status: int, code: str, message: str) -> None:
        """Carry the HTTP status and the envelope's code and message."""
        super().__init__(message)
        self.status = status
        self.code = code


class ProviderUnclear(ProviderError):
    """Anything else: the vendor may have accepted, or says something we do not know (P22, P28).

    `status` is the HTTP status, if an answer came at all. For the log, of an answer to a create:
    `said` pictures its beginning, and `named_task` the task id that it carries all the same.
    """

    def __init__(
        self, message: str, *, status: int | None = None, said: str = "", named_task: str = ""
    ) -> None:
        """Carry what is known of the answer."""
        super().__init__(message)
        self.status = status
        self.said = said
        self.named_task = named_task
