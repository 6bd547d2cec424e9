"""The server's settings, read once at start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yarl import URL


@dataclass(frozen=True, slots=True)
class Settings:
    """Hold the settings of one server; times are seconds."""

    host: str
    port: int
    data_dir: Path
    public_url: str | None
    image_origins: frozenset[URL]
    renderers: int
    callback_delays: tuple[float, ...]
    link_life: float
    latency: float

    @classmethod
    def from_environ(
        cls,
        environ: Mapping[str, str],
        *,
        port: int | None = None,
        host: str = "127.0.0.1",
        data_dir: Path | None = None,
    ) -> "Settings":
        """Read the environment; an argument that is not None wins. Raise ValueError on nonsense."""
        root = data_dir if data_dir is not None else Path(environ.get("DATA_DIR") or "var")
        public_url = (environ.get("SANDBOX_PUBLIC_URL") or "").rstrip("/")
        return cls(
            host=host,
            port=port if port is not None else int(environ.get("SANDBOX_PORT") or 8801),
            data_dir=(root / "sandbox").absolute(),
            public_url=public_url or None,
            image_origins=_image_origins(environ),
            renderers=max(1, int(environ.get("SANDBOX_RENDERERS") or 1)),
            callback_delays=_seconds(environ.get("SANDBOX_CALLBACK_RETRIES") or "0,180,600"),
            link_life=float(environ.get("SANDBOX_LINK_LIFE") or 86400),
            latency=float(environ.get("SANDBOX_LATENCY") or 0),
        )


def _seconds(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(",") if part.strip())


def _image_origins(environ: Mapping[str, str]) -> frozenset[URL]:
    """Read the origins whose images are fetched though they are not public."""
    text = (
        environ.get("SANDBOX_IMAGE_ORIGINS")
        or environ.get("PUBLIC_URL")
        or "http://127.0.0.1:8000,http://localhost:8000"
    )
    return frozenset(URL(part.strip()).origin() for part in text.split(",") if part.strip())
