"""What a test produces, compared letter by letter with a file under `tests/golden/`.

Meant to change? Write the files again and read the difference:

    WRITE_GOLDENS=1 .venv/bin/python -m pytest tests/golden && git diff tests/golden
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "golden"
VARIABLE = "WRITE_GOLDENS"


def assert_golden(name: str, text: str) -> None:
    """Compare `text` with the golden file of this name, or write that where it is asked for."""
    path = FOLDER / name
    if os.environ.get(VARIABLE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    assert path.exists(), f"There is no {path}. {VARIABLE}=1 writes it."
    with path.open(encoding="utf-8", newline="") as stream:
        assert text == stream.read(), f"{path} says otherwise. {VARIABLE}=1 writes it again."


def shown(value: Any, fixed: Mapping[str, str] | None = None) -> str:
    """Return JSON in readable lines, in its own order; `fixed` has words for what varies."""
    text = json.dumps(value, indent=2) + "\n"
    for varying, word in (fixed or {}).items():
        text = text.replace(varying, word)
    return text
