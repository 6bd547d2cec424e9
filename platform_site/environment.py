"""Read the environment once: `.env` in development, generated secrets, then typed values.

Order of precedence: the real environment, `.env`, `DATA_DIR/secrets.env`. The secrets file is
written at the first start with mode 600, so that an embedded installation needs no set-up at all.
"""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from environs import Env, EnvError

BASE_DIR = Path(__file__).resolve().parent.parent
Value = TypeVar("Value")
_OTHERS = 0o007  # the rights of whoever is neither owner nor in the group

# Variables that could not be read, each with its reason; settings went on with the default, and
# `checks.py` and `wsgi.py` refuse to start.
problems: dict[str, str] = {}


def read_environment() -> Env:
    """Return an `Env` that sees the process environment, `.env` and the generated secrets."""
    env = Env()
    env.read_env(str(BASE_DIR / ".env"), recurse=False)
    folder = data_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # What lies in it, films and the database among them, is nobody else's on this machine.
    close_to_others(folder)
    secrets_file = folder / "secrets.env"
    _write_missing_secrets(secrets_file)
    env.read_env(str(secrets_file), recurse=False)
    return env


def value_of(parse: Callable[..., Value], name: str, default: Value) -> Value:
    """Return the variable `name` as `parse` (a method of `Env`) reads it.

    Unset and empty mean `default`; what does not parse is noted in `problems`.
    """
    if not os.environ.get(name, "").strip():
        return default
    try:
        return parse(name)
    except (EnvError, ValueError) as error:
        problems[name] = str(error)
        return default


def url_of(name: str, default: str) -> str:
    """Return the variable `name` without a last slash if it can be taken apart as a URL, else note
    it in `problems`. What kind of URL it must be is for `checks.py`.
    """
    url = os.environ.get(name, "").strip().rstrip("/") or default
    try:
        urlsplit(url)
    except ValueError as error:
        problems[name] = f"{error}."
        return default
    return url


def zone_of(name: str, default: str) -> str:
    """Return the variable `name` if it is a zone of the tz database, else note it in `problems`."""
    zone = os.environ.get(name, "").strip() or default
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems[name] = f"{zone!r} is not a tz database zone, such as Europe/Zurich."
        return default
    return zone


def data_dir() -> Path:
    """Return the folder for everything that this installation keeps, absolute."""
    path = Path(os.environ.get("DATA_DIR", "").strip() or "var")
    return path if path.is_absolute() else BASE_DIR / path


def keep_private() -> None:
    """Let nobody else on the machine read what this process and its children write from now on,
    nor a database of before. Called by whatever runs for long.
    """
    os.umask(0o077)
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        for suffix in ("", "-wal", "-shm"):
            close_to_others(Path(f"{database['NAME']}{suffix}"))


def close_to_others(path: Path) -> None:
    """Take the rights of others from a file or folder of ours; a group keeps its own."""
    try:
        mode = path.stat().st_mode
        if mode & _OTHERS:
            path.chmod(mode & ~_OTHERS & 0o7777)
    except OSError:
        return  # it is not there, or somebody else's: then they say who reads it


def _write_missing_secrets(path: Path) -> None:
    """Write fresh secrets to `path` once; the winner of two first starts is kept by both."""
    if path.exists():
        return
    vault_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    content = f"SECRET_KEY={secrets.token_urlsafe(50)}\nVAULT_KEYS=k1:{vault_key}\n"
    draft = path.with_name(f".secrets.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    try:
        # link() is atomic and refuses to replace: a second starter never overwrites the first.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
