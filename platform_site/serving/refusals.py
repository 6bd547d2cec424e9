"""What the server itself answers, because no application can: the request is not whole."""

from http import HTTPStatus

RETRY_SECONDS = 5


class Refused(Exception):
    """A request that does not reach the application; `words` are for the client."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words

    def answer(self) -> bytes:
        """Return the whole answer, which closes the connection."""
        body = f"{self.words}\n".encode()
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            "Connection: close",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
        ]
        if self.status is HTTPStatus.SERVICE_UNAVAILABLE:
            lines.append(f"Retry-After: {RETRY_SECONDS}")
        return "\r\n".join([*lines, "", ""]).encode() + body


def came_too_slowly() -> Refused:
    """Return the refusal of a request whose rest did not come in time."""
    return Refused(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time.")


def no_room() -> Refused:
    """Return the refusal of a body that cannot be kept."""
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE, "The server has no room for this now. Try again soon."
    )


def failed() -> Refused:
    """Return the answer to a request over which the application broke down."""
    return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed to answer this request.")
