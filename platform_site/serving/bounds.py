"""What the web waits for, and how much of it it keeps."""

import resource
from dataclasses import dataclass

KILOBYTE = 1024
MEGABYTE = 1024 * KILOBYTE
# Beside clients: the database's connections, listeners, pipes, logs.
_FILES_OF_OURS = 128
# A socket, a body on disk and the file that is sent.
_FILES_OF_A_CONNECTION = 3
_FEWEST_CONNECTIONS = 16


@dataclass(frozen=True)
class Bounds:
    """Bounds for each connection, in seconds and bytes, and those that all share.

    Attributes:
        head_seconds: From a request's first byte to the end of its head, and from connecting to
            the first byte.
        idle_seconds: Between two requests.
        body_seconds: For each `step_bytes` of a body, or for the rest of it: a slow line gets
            through, a drip does not. The same for the rest of a body that was refused.
        answer_seconds: For each `step_bytes` that the client takes of an answer.
        linger_seconds: For the client to close after the last answer.
        stop_seconds: For a request to begin or its head to end once the server is stopping.
        step_bytes: What counts as getting on.
        head_bytes: A request's head, at most.
        memory_bytes: What of a body, and of an answer, stays in memory; the rest is on disk.
        discarded_bytes: What is read of a refused body, so that its sender sees the answer.
        kept_bytes: What all bodies and answers together may take, in memory and on disk.
        connections: Open connections; beyond them the one that got on least recently is closed, or
            newcomers wait to be accepted while all got on a moment ago.
        fresh_seconds: What a moment is: nobody who came in it makes room for others.
    """

    head_seconds: float = 20.0
    idle_seconds: float = 5.0
    body_seconds: float = 30.0
    answer_seconds: float = 300.0
    linger_seconds: float = 2.0
    stop_seconds: float = 2.0
    step_bytes: int = 32 * KILOBYTE
    head_bytes: int = 64 * KILOBYTE
    memory_bytes: int = 256 * KILOBYTE
    discarded_bytes: int = 64 * MEGABYTE
    kept_bytes: int = 512 * MEGABYTE
    connections: int = 1000
    fresh_seconds: float = 0.5


def affordable_connections(wanted: int) -> int:
    """Return how many of `wanted` connections this process may have files for."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return wanted
    affordable = (files - _FILES_OF_OURS) // _FILES_OF_A_CONNECTION
    return max(_FEWEST_CONNECTIONS, min(wanted, affordable))
