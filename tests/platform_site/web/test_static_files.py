"""Static files are collected when they have changed: hashed, compressed, kept for good."""

import gzip
import os
from pathlib import Path

import brotli
import pytest
from django.test import Client
from pytest_django import Settings

from platform_site.web.static_files import StaticFilesStorage, collect_static_files

STYLE = "p { color: red; background: url(dot.svg); }\n" * 40


@pytest.fixture
def sources(settings: Settings, tmp_path: Path) -> Path:
    """A folder of files, of which nothing is collected yet."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "page.css").write_text(STYLE)
    (folder / "dot.svg").write_text("<svg/>")
    settings.STATICFILES_DIRS = [folder]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "static"
    settings.WHITENOISE_USE_FINDERS = False
    storage = "platform_site.web.static_files.StaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": storage}}
    return folder


def linked(name: str) -> str:
    """Return the path under which a file is served now."""
    return str(StaticFilesStorage().url(name))


def test_files_are_collected_once_and_again_when_one_changes(sources: Path) -> None:
    assert collect_static_files()
    first = linked("page.css")
    assert not collect_static_files()
    (sources / "page.css").write_text(STYLE + "a { color: blue; }")
    assert collect_static_files()
    assert linked("page.css") != first
    assert Client().get(first).status_code == 200, "for a page that is open still"


@pytest.mark.parametrize(
    ("accepted", "encoding"), [("gzip", "gzip"), ("gzip, br", "br"), ("identity", None)]
)
def test_a_file_comes_compressed_and_for_good(
    sources: Path, accepted: str, encoding: str | None
) -> None:
    collect_static_files()
    path = linked("page.css")
    reply = Client().get(path, headers={"Accept-Encoding": accepted})
    assert reply.get("Content-Encoding") == encoding
    assert "immutable" in reply["Cache-Control"]
    unpack = {"gzip": gzip.decompress, "br": brotli.decompress}.get(encoding or "", bytes)
    body = unpack(reply.getvalue()).decode()
    assert body.count("color: red") == STYLE.count("color: red")
    assert linked("dot.svg").rpartition("/")[2] in body
    again = {"Accept-Encoding": accepted, "If-Modified-Since": reply["Last-Modified"]}
    assert Client().get(path, headers=again).status_code == 304


def test_a_folder_that_takes_nothing_stops_nobody(sources: Path, settings: Settings) -> None:
    settings.STATIC_ROOT = Path(os.devnull) / "static"
    assert not collect_static_files()


def test_scripts_import_each_other_by_the_names_that_are_kept_for_good(sources: Path) -> None:
    scripts = sources / "dailies" / "js"
    scripts.mkdir(parents=True)
    (scripts / "part.js").write_text("export const one = 1;\n")
    (scripts / "whole.js").write_text('import { one } from "./part.js";\n')
    (sources / "others.js").write_text('// import { x } from "./nowhere.js";\n')
    collect_static_files()
    body = Client().get(linked("dailies/js/whole.js")).getvalue().decode()
    assert linked("dailies/js/part.js").rpartition("/")[2] in body
