"""`python -m tests.house`: name what breaks the house's rules, a line each; exit 1 if anything."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.house.layout import docstrings, doubled_names, large_folders
from tests.house.names import words_in_names
from tests.house.properties import properties
from tests.house.prose import words_in_prose
from tests.house.states import writers_of_state
from tests.house.tree import Problem

ROOT = Path(__file__).parents[2]
RULES: tuple[Callable[[Path], Iterator[Problem]], ...] = (
    words_in_names,
    words_in_prose,
    writers_of_state,
    large_folders,
    docstrings,
    doubled_names,
    properties,
)


def main(root: Path = ROOT) -> int:
    """Print every problem; return the exit status."""
    problems = [problem for rule in RULES for problem in rule(root)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
