"""Where a soak happens: its folder, its ports, and the environment of each of its processes."""

import base64
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
KEPT_LOGS = ROOT / "var" / "soak"
WEB_HOSTS = 2
WORKER_HOSTS = 1
_NAMES = ("PATH", "HOME", "LANG")


@dataclass(frozen=True)
class Place:
    """One soak's own corner of the machine."""

    folder: Path
    front_port: int
    line_port: int
    vendor_port: int
    receiver_port: int
    web_ports: tuple[int, ...]
    environment: dict[str, str]

    @property
    def url(self) -> str:
        """Return the site's public address."""
        return f"http://127.0.0.1:{self.front_port}"

    @property
    def vendor_url(self) -> str:
        """Return where the vendor answers without the line between."""
        return f"http://127.0.0.1:{self.vendor_port}"

    def host_folder(self, name: str) -> Path:
        """Return a host's folder, whose films and uploads are every host's."""
        folder = self.folder / name
        folder.mkdir()
        for shared in ("films", "uploads"):
            (self.folder / shared).mkdir(exist_ok=True)
            (folder / shared).symlink_to(self.folder / shared)
        return folder

    def keep_logs(self, name: str) -> Path:
        """Copy what the processes have said to where it outlives the soak; return the folder."""
        target = KEPT_LOGS / name
        shutil.rmtree(target, ignore_errors=True)
        for log in self.folder.rglob("*.log"):
            copy = target / log.relative_to(self.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, copy)
        return target


def make_place(environ: dict[str, str], *, database_url: str) -> Place:
    """Choose ports and make a folder; `environ` is what the soak itself was started with."""
    folder = Path(tempfile.mkdtemp(prefix="dailies-soak-"))
    front, line, vendor, receiver = (free_port() for _ in range(4))
    vault_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    environment = {
        **{name: environ[name] for name in _NAMES if name in environ},
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "platform_site.settings",
        "EMAIL_URL": "memory:",
        "OUTBOUND_ALLOW": f"127.0.0.1:{receiver}",
        "PUBLIC_URL": f"http://127.0.0.1:{front}",
        # Hosts share their secrets, as operators are told.
        "SECRET_KEY": secrets.token_urlsafe(50),
        "VAULT_KEYS": f"k1:{vault_key}",
        "SANDBOX_URL": f"http://127.0.0.1:{line}",
    }
    return Place(
        folder=folder,
        front_port=front,
        line_port=line,
        vendor_port=vendor,
        receiver_port=receiver,
        web_ports=tuple(free_port() for _ in range(WEB_HOSTS)),
        environment=environment,
    )
