"""A web server on loopback that answers each path with a function of the test's, byte by byte."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

FILM = bytes(range(256)) * 1000

Answer = Callable[["Visit"], object]


class Visit(BaseHTTPRequestHandler):
    """One request to the local server, answered by the function its path names."""

    protocol_version = "HTTP/1.1"
    server: "LocalServer"

    def do_GET(self) -> None:
        self.server.visits.append(self)
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.close_connection = True
        self.server.answers[self.path.partition("?")[0]](self)

    do_POST = do_GET  # noqa: N815

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer; headers are named with underscores, and an empty one is left out."""
        self.send_response(status)
        self.send_header("Connection", "close")
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output quiet."""


class LocalServer(ThreadingHTTPServer):
    """Answers on a free port; `visits` are all requests so far."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.answers: dict[str, Answer] = {}
        self.visits: list[Visit] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of these tests."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running(server: LocalServer) -> Iterator[LocalServer]:
    """Serve until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Names:
    """Stand in for the resolver: each look-up of a name takes its next list of addresses."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def whole(visit: Visit) -> None:
    """Answer with the film."""
    visit.reply(200, FILM, Content_Type="video/mp4", ETag='"v1"')


def redirect(location: str, status: int = 302) -> Answer:
    """Return an answer that sends the visitor on."""
    return lambda visit: visit.reply(status, Location=location)


def self_signed(name: str, folder: Path) -> Path:
    """Return the file of a certificate for `name`, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path
