"""Run `main` of a module of this folder with a tree's packages: `python run.py MODULE …`.

The working folder is the tree's. Its packages are imported from there, this harness from its own.
"""

import json
import os
import sys
from importlib import import_module
from pathlib import Path

HARNESS = str(Path(__file__).resolve().parents[3])


def main() -> None:
    """Set up Django, run the module and print what it returns as JSON."""
    tree = str(Path.cwd())
    sys.path[:] = [HARNESS, *(place for place in sys.path[1:] if place != tree)]
    # Once imported, the harness stays this one; all else is the tree's.
    import_module("tests.bench.inside")
    sys.path[0] = tree
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "platform_site.settings")
    import_module("django").setup()
    run = import_module(f"tests.bench.inside.{sys.argv[1]}")
    sys.stdout.write("\n" + json.dumps(run.main(*sys.argv[2:])) + "\n")


if __name__ == "__main__":
    main()
