"""What a real web, worker or films process commits is on the disk (P21)."""

import json
from pathlib import Path
from typing import Any

from tests.support.site import Site
from tests.support.waiting import until

FULL = 2  # https://www.sqlite.org/pragma.html#pragma_synchronous
COMMANDS = {"web": "gunicorn", "worker": "--queue=dailies", "films": "--queue=films"}


def test_p21_every_connection_of_the_sites_own_processes_is_fully_synchronous(
    tmp_path: Path,
) -> None:
    file = tmp_path / "connections.jsonl"
    site = Site(
        tmp_path / "site",
        DJANGO_SETTINGS_MODULE="tests.support.noting_settings",
        CONNECTIONS_FILE=str(file),
        WORKERS="2",
        FILM_WORKERS="1",
    )
    file.unlink(missing_ok=True)  # what setting it up has opened
    site.start("up")
    try:
        assert site.http.get("/v1/credits").status_code == 200
        until(lambda: {role_of(line) for line in noted(file)} >= set(COMMANDS))
    finally:
        site.close()
    for line in noted(file):
        assert (line["synchronous"], line["journal_mode"]) == (FULL, "wal"), line


def noted(file: Path) -> list[dict[str, Any]]:
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def role_of(line: dict[str, Any]) -> str:
    command = " ".join(line["command"])
    return next((role for role, mark in COMMANDS.items() if mark in command), "other")
