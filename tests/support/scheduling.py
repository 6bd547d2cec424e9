"""Deal the tests out to the processes of a parallel run.

Those of a folder that starts whole sites stay together, or every process would start them all, and
go first, because they wait much and last long. All others go to whoever is free. (xdist's own
`loadgroup` does nothing with the pytest that we use: it sets an attribute that is gone.)
"""

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

_TOGETHER = ("tests/browser/", "tests/engine/")


class SharedSites(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Schedules groups, the largest first, and then single tests."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in _TOGETHER if nodeid.startswith(folder)), nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharedSites:
    """Use our scheduler."""
    return SharedSites(config, log)
