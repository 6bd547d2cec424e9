"""Deal the tests out to the processes of a parallel run.

Those that share a real site stay together, or every process would start one, and go first, because
they wait much and last long. All others go to whoever is free. (xdist's own `loadgroup` does
nothing with the pytest that we use: it sets an attribute that is gone.)
"""

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

_GROUPS = {
    "tests/engine/test_curl_examples.py": "site",
    "tests/engine/test_end_to_end.py": "site",
    "tests/engine/test_kill.py": "kill",
}


class SharedSites(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Schedules groups, the largest first, and then single tests."""

    def _split_scope(self, nodeid: str) -> str:
        return _GROUPS.get(nodeid.partition("::")[0], nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharedSites:
    """Use our scheduler."""
    return SharedSites(config, log)
