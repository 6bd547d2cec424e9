"""What all rows of one run share: trees, rounds, the database server and the stub vendor."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from tests.bench.load.slow_vendor import slow_vendor
from tests.bench.seed import Patterns, seed
from tests.bench.sites.databases import Database, PostgresSite, SqliteSite
from tests.bench.sites.installation import Installation
from tests.bench.sites.trees import Tree, base_tree, this_tree
from tests.support.postgres import private_postgres

LATENCY = 0.02  # seconds that the stub vendor takes for each answer
Figure = TypeVar("Figure")


@dataclass
class Bench:
    """One run. Sites are installed when they are first asked for, and kept for other rows."""

    this: Tree
    base: Tree | None
    rounds: int
    server_url: str
    vendor_url: str
    folder: Path
    generations: int = 0  # in each PostgreSQL site before a row begins
    _installed: dict[tuple[str, str, int], Installation] = field(default_factory=dict)

    @property
    def trees(self) -> list[Tree]:
        """Return the trees to measure, the one to compare with first."""
        return [*([self.base] if self.base else []), self.this]

    def installation(self, tree: Tree, kind: str = PostgresSite.kind) -> Installation:
        """Return a tree's installed site on PostgreSQL or SQLite."""
        place = (tree.name, kind, self.generations)
        if place not in self._installed:
            folder = self.folder / "-".join(map(str, place))
            database: Database = (
                PostgresSite(self.server_url, f"bench_{tree.name}_{self.generations}")
                if kind == PostgresSite.kind
                else SqliteSite(folder)
            )
            made = Installation(tree, database, folder, self.vendor_url)
            if self.generations and isinstance(database, PostgresSite):
                seed(database, self.generations, Patterns(**made.inside_original("pattern")))
                # Whatever is measured on it, its books balance.
                made.manage("audit")
            self._installed[place] = made
        return self._installed[place]

    def interleaved(self, measure: Callable[[Tree], Figure]) -> dict[str, list[Figure]]:
        """Measure all trees in turn, as often as there are rounds; return figures by tree name."""
        figures: dict[str, list[Figure]] = {tree.name: [] for tree in self.trees}
        for _ in range(self.rounds):
            for tree in self.trees:
                figures[tree.name].append(measure(tree))
        return figures

    def holding(self, generations: int) -> "Bench":
        """Return this run with one round, without a base, on sites that hold so many."""
        return replace(self, base=None, rounds=1, generations=generations)

    def notes(self) -> Sequence[str]:
        """Return what was done to the tree that is compared with."""
        return self.base.notes if self.base else ()


@contextlib.contextmanager
def bench(*, base: str, rounds: int) -> Iterator[Bench]:
    """Start what all rows need; `base` is the commit to compare with, or empty.

    Raises BaseError when that commit cannot be measured.
    """
    with contextlib.ExitStack() as stack:
        tree = stack.enter_context(base_tree(base)) if base else None
        # Commits wait for the log; what the machine's disk adds is no figure of ours.
        server = stack.enter_context(private_postgres(durable=True))
        vendor = stack.enter_context(slow_vendor(LATENCY))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dailies-bench-"))
        yield Bench(
            this=this_tree(),
            base=tree,
            rounds=rounds,
            server_url=server.url,
            vendor_url=vendor,
            folder=Path(folder),
        )
