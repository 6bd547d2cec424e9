"""What an installation writes is read by its own user alone (F17)."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from platform_site.environment import close_to_others
from platform_site.stores.folder import FolderStore
from platform_site.stores.settings import S3, stored_in

ROOT = Path(__file__).resolve().parents[2]
SERVE = (
    "-c",
    (
        "import platform_site.wsgi, django.db as d; d.connection.ensure_connection();"
        "open(d.connection.settings_dict['NAME'] + '.probe', 'w').close()"
    ),
)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def run(folder: Path, *arguments: str) -> None:
    """Run a program of the site in a shell where everybody may read what is written."""
    made = ("SECRET_KEY", "VAULT_KEYS", "DATABASE_URL")
    environ = {name: value for name, value in os.environ.items() if name not in made}
    command = ["sh", "-c", 'umask 022; exec "$@"', "sh", sys.executable, *arguments]
    subprocess.run(command, cwd=ROOT, env={**environ, "DATA_DIR": str(folder)}, check=True)


def test_f17_a_fresh_data_folder_is_closed_and_so_is_the_database(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    run(folder, *SERVE)
    assert mode_of(folder) == 0o700
    for name in ("secrets.env", "dailies.sqlite3", "dailies.sqlite3.probe"):
        assert mode_of(folder / name) == 0o600


def test_f17_a_folder_and_a_database_of_before_are_closed(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "dailies.sqlite3").touch()
    (folder / "dailies.sqlite3").chmod(0o644)
    folder.chmod(0o755)
    run(folder, *SERVE)
    assert mode_of(folder) == 0o750
    assert mode_of(folder / "dailies.sqlite3") == 0o640


@pytest.mark.parametrize(("before", "after"), [(0o755, 0o750), (0o777, 0o770), (0o700, 0o700)])
def test_f17_a_groups_rights_are_its_own(tmp_path: Path, before: int, after: int) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(before)
    close_to_others(folder)
    assert mode_of(folder) == after
    close_to_others(tmp_path / "missing")


def test_f17_films_and_uploads_are_written_closed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"film")
    entry = stored_in("films", folder=tmp_path / "films", s3=S3())
    before = os.umask(0o022)
    try:
        store = FolderStore(**entry["OPTIONS"])
        store.put("ab/film.mp4", source, content_type="video/mp4", ends=float("inf"))
        store.save("cd/upload.png", ContentFile(b"image"))
    finally:
        os.umask(before)
    for name in ("ab/film.mp4", "cd/upload.png"):
        assert mode_of(tmp_path / "films" / name) == 0o600
        assert mode_of((tmp_path / "films" / name).parent) == 0o700
