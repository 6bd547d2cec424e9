"""The bare project, run by the very command line that serves the site."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure.processes import Used, tree_of, used_by
from tests.bench.sites.installation import RunningSite, wait_until_answered
from tests.support.ports import free_port

_APPLICATION = "platform_site.wsgi:application"
_BARE = "tests.bench.bare.wsgi:application"


@dataclass(frozen=True)
class BareSite:
    """The bare project's web server."""

    url: str
    master: int
    servers: list[int]

    def used(self) -> Used:
        """Return what its processes and the database used so far."""
        return used_by(self.master, *self.servers)


@contextlib.contextmanager
def bare_site(site: RunningSite, *, page_bytes: int = 0) -> Iterator[BareSite]:
    """Serve the bare project as `site` is served, on its database, until the block ends."""
    port = free_port()
    site_port = site.url.rpartition(":")[2]
    words = _command_of(site)
    command = [word.replace(_APPLICATION, _BARE).replace(site_port, str(port)) for word in words]
    environ = {
        **site.environ,
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DJANGO_SETTINGS_MODULE": "tests.bench.bare.settings",
        "BARE_PAGE_BYTES": str(page_bytes),
    }
    with (site.folder / "bare.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=site.tree.folder, env=environ, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_answered(server, url, site.folder / "bare.log")
        yield BareSite(url, server.pid, list(site.database.servers))
    finally:
        server.terminate()
        server.wait(60)


def _command_of(site: RunningSite) -> list[str]:
    """Return the words of the command that serves the site."""
    for pid in tree_of(site.supervisor):
        # A child that was forked shows its words in the space of its parent's, filled with blanks.
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0 ").split("\0")
        # Above it stands the process that ends it; its command line has this one's at its end.
        if _APPLICATION in words and "reaper" not in " ".join(words):
            return words
    raise RuntimeError("No process serves the site.")
