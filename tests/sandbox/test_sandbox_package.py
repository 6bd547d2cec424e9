"""The package as a whole: it depends on nothing of ours, and both its doors open."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.config import Settings

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "sandbox").rglob("*.py"))
DJANGO_ALLOWED = {"apps.py", "management/commands/sandbox.py"}


def imported_by(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_of_ours_is_imported(path: Path) -> None:
    names = imported_by(path)
    assert not names & {"platform_site", "accounts", "billing", "generations", "rest_framework"}
    if str(path.relative_to(ROOT / "sandbox")) not in DJANGO_ALLOWED:
        assert "django" not in names


def test_the_server_carries_no_heavy_library() -> None:
    code = "import sys, sandbox.cli; print([m for m in ('numpy','av','PIL') if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_manage_py_sandbox_takes_the_same_options(tmp_path: Path) -> None:
    code = (
        "import django\n"
        "from django.conf import settings\n"
        "from django.core.management import call_command\n"
        "settings.configure(INSTALLED_APPS=['sandbox'])\n"
        "django.setup()\n"
        f"call_command('sandbox', '--port', '0', '--data-dir', {str(tmp_path)!r})"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    line = process.stdout.readline()
    try:
        url = line.removeprefix("sandbox listening on ").strip()
        assert httpx.get(f"{url}/healthz").status_code == 200
    finally:
        process.terminate()
    assert process.wait(10) == 0
    assert (tmp_path / "sandbox" / "state.sqlite3").exists()


@pytest.mark.parametrize(
    ("environ", "field", "value"),
    [
        ({}, "port", 8801),
        ({"SANDBOX_PORT": "9"}, "port", 9),
        ({}, "callback_delays", (0, 180, 600)),
        ({"SANDBOX_CALLBACK_RETRIES": "0, 1.5"}, "callback_delays", (0, 1.5)),
        ({}, "link_life", 86400),
        ({}, "latency", 0),
        ({}, "renderers", 1),
        ({"SANDBOX_RENDERERS": "3"}, "renderers", 3),
        ({"DATA_DIR": "/srv/x"}, "data_dir", Path("/srv/x/sandbox")),
        ({"SANDBOX_PUBLIC_URL": "http://a:1/"}, "public_url", "http://a:1"),
        ({"SANDBOX_PUBLIC_URL": ""}, "public_url", None),
    ],
)
def test_the_environment_sets_the_server(environ: dict[str, str], field: str, value: Any) -> None:
    assert getattr(Settings.from_environ(environ), field) == value


def test_images_are_trusted_from_the_platforms_own_origin() -> None:
    def origins(**environ: str) -> set[str]:
        return {str(url) for url in Settings.from_environ(environ).image_origins}

    assert origins() == {"http://127.0.0.1:8000", "http://localhost:8000"}
    assert origins(PUBLIC_URL="https://d.example.com/x") == {"https://d.example.com"}
    assert origins(PUBLIC_URL="http://a:1", SANDBOX_IMAGE_ORIGINS="http://b:2,http://c") == {
        "http://b:2",
        "http://c",
    }


@pytest.mark.parametrize(
    "environ", [{"SANDBOX_PORT": "many"}, {"SANDBOX_LINK_LIFE": "x"}, {"PUBLIC_URL": "nowhere"}]
)
def test_a_wrong_setting_is_one_line_and_not_a_traceback(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "sandbox", "--data-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("sandbox: ")
    assert "Traceback" not in result.stderr
