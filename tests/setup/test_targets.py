"""What the Makefile's targets start, and how `make test` ends."""

import os
import re
from pathlib import Path

from tests.support.pythons import ROOT, run

ENVIRON = {"PATH": os.environ["PATH"]}


def make(*arguments: str) -> str:
    """Return the commands that make would start."""
    return run(("make", "--dry-run", "--no-print-directory", *arguments), ENVIRON).stdout


def test_help_names_the_targets_that_the_readme_names() -> None:
    helped = set(re.findall(r"^(\S+)", run(("make", "help"), ENVIRON).stdout, re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", (ROOT / "README.md").read_text()))
    assert {"check", "unit", "setup", "test"} <= named <= helped


def test_a_check_installs_no_system_packages_and_starts_no_tests() -> None:
    commands = make("check")
    for tool in (
        "ruff format --check",
        "ruff check",
        "mypy",
        "lint-imports",
        "house",
        "djlint",
        "complete",
    ):
        assert tool in commands
    assert "makemigrations --check" in commands
    assert not re.search(r"\.ci/|pytest|postgres", commands)


def test_unit_tests_get_the_arguments_and_no_other_database() -> None:
    commands = make("unit", "ARGS=tests/billing -k 'a or b'")
    assert ".ci/" not in commands
    (line,) = (line for line in commands.splitlines() if "pytest" in line)
    assert line.startswith("DATABASE_URL= ")
    assert line.endswith("tests/billing -k 'a or b'")


def test_the_whole_test_makes_all_parts() -> None:
    commands = make("test")
    assert ".ci/setup" in commands
    assert make("check").splitlines()[-1] in commands
    assert make("unit").splitlines()[-1] in commands
    assert make("coverage").splitlines()[-1] in commands
    assert "tests.support.postgres" in commands


def test_a_line_of_billing_that_its_own_tests_miss_fails_the_coverage(tmp_path: Path) -> None:
    command = make("coverage").splitlines()[-1].removeprefix("DATABASE_URL= ")
    assert command.startswith(".venv/bin/python -m pytest ")
    few = command.replace(" tests/billing ", " tests/billing/test_windows.py -p no:cacheprovider ")
    environ = ENVIRON | {"COVERAGE_FILE": str(tmp_path / "coverage")}
    done = run((*few.split(), "--numprocesses", "0"), environ)
    assert done.returncode == 1
    assert re.search(r"=+ \d+ passed in", done.stdout)
    assert "Required test coverage of 100.0% not reached" in done.stdout
    assert "billing/admin" not in done.stdout


def test_each_part_is_timed_and_the_first_that_fails_ends_the_rest(tmp_path: Path) -> None:
    fake = tmp_path / "make"
    fake.write_text('#!/bin/sh\necho "made $2"\n[ "$2" != broken ] || exit 3\n')
    fake.chmod(0o755)
    environ = ENVIRON | {"MAKE": str(fake)}
    done = run((".ci/timed", "one", "two"), environ)
    assert done.returncode == 0
    told = re.sub(r"^ +\d+:\d\d ", "m:ss ", done.stdout, flags=re.MULTILINE).splitlines()
    assert told == ["made one", "made two", "", "Minutes", "m:ss  one", "m:ss  two", "m:ss  in all"]

    done = run((".ci/timed", "one", "broken", "two"), environ)
    assert done.returncode == 3
    assert "made two" not in done.stdout
    assert done.stdout.endswith("make broken failed.\n")
    assert re.search(r"^ +\d+:\d\d  broken$", done.stdout, re.MULTILINE)


def test_continuous_integration_runs_what_a_developer_runs() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert re.findall(r"^exec (.*?) <", script, re.MULTILINE) == ["make test"]
