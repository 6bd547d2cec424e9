"""Commands in forks: they run as in an interpreter of their own, and start with what is loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import REPOSITORY

# Forks the commands given, one a line of words, and prints how each ended.
DRIVER = """
import os, sys
from platform_site.supervisor.forks import fork_python
import colorsys  # what nobody else would have loaded
for line in sys.argv[1:-1]:
    status = os.waitpid(fork_python((sys.executable, *line.split())), 0)[1]
    print("ended", os.waitstatus_to_exitcode(status), flush=True)
"""


def run_in_forks(folder: Path, *lines: str, script: str) -> str:
    """Run `python LINE` for each line in a fork; return all output."""
    (folder / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *lines, " " * 400],
        cwd=folder,
        env={"PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout


def test_a_script_runs_as_if_python_had_been_started_for_it(tmp_path: Path) -> None:
    script = """
import os, pathlib, sys
print(__name__, sys.argv, "colorsys" in sys.modules, os.getpgrp() == os.getpid())
print(repr(sys.stdin.read()))
print(pathlib.Path("/proc/self/cmdline").read_bytes().rstrip(b"\\0").split(b"\\0")[1:])
"""
    output = run_in_forks(tmp_path, "script.py --queue=films", script=script)
    assert output.splitlines() == [
        "__main__ ['script.py', '--queue=films'] True True",
        "''",
        "[b'script.py', b'--queue=films']",
        "ended 0",
    ]


def test_a_module_is_found_as_by_python_itself(tmp_path: Path) -> None:
    script = "import sys; print(__name__, sys.argv[1:])"
    assert run_in_forks(tmp_path, "-m script one two", script=script).splitlines() == [
        "__main__ ['one', 'two']",
        "ended 0",
    ]


@pytest.mark.parametrize(
    ("script", "ending"),
    [
        ("import sys; sys.exit(3)", "ended 3"),
        ("import sys; sys.exit()", "ended 0"),
        ("import sys; sys.exit('no port')", "no port\nended 1"),
        ("raise RuntimeError('broken')", "RuntimeError: broken\nended 1"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "ended -15"),
    ],
)
def test_a_command_ends_as_an_interpreter_would(tmp_path: Path, script: str, ending: str) -> None:
    assert run_in_forks(tmp_path, "script.py", script=script).endswith(f"{ending}\n")
