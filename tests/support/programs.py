"""Programs that tests need beside Python."""

import shutil

import pytest


def program(name: str) -> str:
    """Return where a program is; without it, fail the test and say what to do."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"This test needs `{name}`, which `make setup` installs.", pytrace=False)
    return found
