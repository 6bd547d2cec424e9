"""A package index on loopback, and the real locks with what it serves.

What it serves are stand-ins: small wheels that state what the installed releases state, and hold no
code. Of each pinned release it also offers a younger one, which requires something more.
"""

import base64
import hashlib
import html
import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from tests.support.local_server import LocalServer, Visit

# What a release states about itself and a resolver reads.
STATED = ("Requires-Python", "Requires-Dist", "Provides-Extra")
YOUNGER_NEEDS = "needed-by-the-younger"
_PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\$")


@dataclass(frozen=True)
class Wheel:
    """A built release."""

    name: str
    version: str
    file: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The hash of its content, as a lock and an index state it."""
        return hashlib.sha256(self.content).hexdigest()


def build_wheel(
    name: str, version: str, stated: Iterable[str] = (), files: Mapping[str, bytes] | None = None
) -> Wheel:
    """Build a wheel; `stated` are further header lines of its METADATA."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *stated]
    about = ["Wheel-Version: 1.0", "Generator: tests", "Root-Is-Purelib: true", "Tag: py3-none-any"]
    content = {
        **(files or {}),
        f"{stem}.dist-info/METADATA": "\n".join([*metadata, ""]).encode(),
        f"{stem}.dist-info/WHEEL": "\n".join([*about, ""]).encode(),
    }
    record = [f"{path},{_record_hash(data)},{len(data)}" for path, data in content.items()]
    record.append(f"{stem}.dist-info/RECORD,,")
    content[f"{stem}.dist-info/RECORD"] = "\n".join([*record, ""]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, data in content.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return Wheel(name, version, wheel_file(name, version), packed.getvalue())


def wheel_file(name: str, version: str) -> str:
    """Return the file name of a wheel that runs everywhere."""
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


def _record_hash(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={digest.decode().rstrip('=')}"


def stand_in(name: str, version: str, *, like: str | None = None) -> Wheel:
    """Build a stand-in for a release, which states what the installed one states.

    With `like`, it states what that other version does, and requires something more. Nothing is
    known of a release that only another Python or system installs. `packaging` keeps its code: the
    check of an environment runs on it.
    """
    more = [f"Requires-Dist: {YOUNGER_NEEDS}"] if like else []
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        return build_wheel(name, version, more)
    if installed.version != (like or version):
        return build_wheel(name, version, more)
    stated = [
        f"{header}: {value}"
        for header in STATED
        for value in installed.metadata.get_all(header) or ()
    ]
    files = _code_of(installed) if name == "packaging" else {}
    return build_wheel(name, version, [*stated, *more], files)


def _code_of(installed: Distribution) -> dict[str, bytes]:
    return {
        str(path): Path(str(path.locate())).read_bytes()
        for path in installed.files or ()
        if path.suffix == ".py"
    }


@dataclass(frozen=True)
class Pinned:
    """A line of a lock."""

    name: str
    version: str
    marker: str | None


def relock(lock: Path, index: "Index") -> str:
    """Return a lock with the hashes of stand-ins, which are put on the index with younger ones."""
    lines = []
    for line in lock.read_text().splitlines():
        if found := _PIN.match(line):
            name, version = found["name"], found["version"]
            offered = index.offer(stand_in(name, version))
            index.offer(stand_in(name, younger(version), like=version))
            lines += [line, f"    --hash=sha256:{offered.sha256}"]
        elif not line.startswith("    --hash="):
            lines.append(line)
    return "\n".join([*lines, ""])


def pins_of(text: str) -> list[Pinned]:
    """Return what a lock's text pins."""
    found = map(_PIN.match, text.splitlines())
    return [Pinned(pin["name"], pin["version"], pin["marker"]) for pin in found if pin]


def younger(version: str) -> str:
    """Return the next release after a version."""
    return re.sub(r"\d+$", lambda last: str(int(last[0]) + 1), version)


@dataclass
class Index:
    """A simple index (PEP 503) at `url`, for as long as its server runs."""

    server: LocalServer
    wheels: dict[str, dict[str, Wheel]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where pip finds it."""
        return f"{self.server.origin}/simple"

    def offer(self, wheel: Wheel) -> Wheel:
        """Serve a wheel, and return it."""
        self.wheels.setdefault(wheel.name, {})[wheel.file] = wheel
        self.server.answers[f"/simple/{wheel.name}/"] = lambda visit: self._page(visit, wheel.name)
        self.server.answers[f"/files/{wheel.file}"] = lambda visit: visit.reply(200, wheel.content)
        return wheel

    def asked(self) -> list[str]:
        """Return the paths that were asked for since the last call."""
        paths = [visit.path for visit in self.server.visits]
        self.server.visits.clear()
        return paths

    def _page(self, visit: Visit, name: str) -> None:
        links = [
            f'<a href="/files/{wheel.file}#sha256={wheel.sha256}">{html.escape(wheel.file)}</a>'
            for wheel in self.wheels[name].values()
        ]
        page = f"<!DOCTYPE html><html><body>{'<br>'.join(links)}</body></html>"
        visit.reply(200, page.encode(), Content_Type="text/html")
