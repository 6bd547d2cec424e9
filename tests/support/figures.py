"""Figures that tests measure and no test depends on, shown before the last line of a run.

A parallel run shows nothing that its workers print, but passes properties of tests on.
"""

import pytest

FIGURE = "figure"  # the name to give to `record_property`


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write every figure in a line of its own."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == FIGURE:
                terminalreporter.write_line(str(value))
