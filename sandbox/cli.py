"""The command line: `python -m sandbox` and `manage.py sandbox` both end here."""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from sandbox.config import Settings
from sandbox.server import serve
from sandbox.store import DataDirBusyError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare `--port`, `--host` and `--data-dir`; the environment holds their defaults."""
    parser.add_argument(
        "--port",
        type=int,
        help="port to listen on; 0 picks a free one (default: SANDBOX_PORT, else 8801)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--data-dir",
        type=Path,
        help="folder whose sandbox/ holds the state (default: DATA_DIR, else var/)",
    )


def run(*, port: int | None, host: str, data_dir: Path | None) -> None:
    """Serve until SIGTERM or SIGINT; exit with status 1 and a line when it cannot begin."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s sandbox %(message)s"
    )
    try:
        settings = Settings.from_environ(os.environ, port=port, host=host, data_dir=data_dir)
        asyncio.run(serve(settings))
    except (DataDirBusyError, OSError, ValueError) as reason:
        sys.exit(f"sandbox: {reason}")


def main(argv: list[str] | None = None) -> None:
    """Parse `argv` (default: the process's own) and serve."""
    parser = argparse.ArgumentParser(
        prog="sandbox", description="Run the sandbox: a stand-in for the vendor."
    )
    add_options(parser)
    options = parser.parse_args(argv)
    run(port=options.port, host=options.host, data_dir=options.data_dir)
