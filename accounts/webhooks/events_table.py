"""Write the table of events in docs/api.md: `python -m accounts.webhooks.events_table`."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from accounts.webhooks.events import EVENTS, WebhookEvent

DOC = Path(__file__).resolve().parents[2] / "docs" / "api.md"
BEGIN = "<!-- Written by `python -m accounts.webhooks.events_table`: -->"
END = "<!-- :written -->"


def with_table(text: str) -> str:
    """Return the page's text with the table as the registry has it between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{events_table()}\n{END}{after}"


def events_table() -> str:
    """Return the table of all events in Markdown."""
    lines = ["| event | when | about | `data` |", "|---|---|---|---|"]
    for event in EVENTS.values():
        when = f"{event.words}. {event.detail}".strip(". ")
        about = event.about.name.lower().replace("_", " ")
        lines.append(f"| `{event.event_name}` | {when} | {about} | {_payload(event)} |")
    return "\n".join(lines) + "\n"


def _payload(model: type[WebhookEvent] | type[Any]) -> str:
    return ", ".join(_fields(model))


def _fields(model: type[Any]) -> Iterator[str]:
    hints = get_type_hints(model, include_extras=True)
    for field in fields(model):
        hint = hints[field.name]
        if is_dataclass(hint):
            yield f"`{field.name}`: {{{_payload(hint)}}}"  # type: ignore[arg-type]
        else:
            notes = ", ".join(note for note in _notes(hint) if note != field.name)
            yield f"`{field.name}` ({notes})" if notes else f"`{field.name}`"


def _notes(hint: Any) -> Iterator[str]:
    """Yield the unit of a field, and that it may be null."""
    if get_origin(hint) is Annotated:
        yield from hint.__metadata__
    elif isinstance(hint, UnionType) or get_args(hint)[-1:] == (type(None),):
        for part in get_args(hint):
            yield from ["or null"] if part is type(None) else _notes(part)


if __name__ == "__main__":
    DOC.write_text(with_table(DOC.read_text(encoding="utf-8")), encoding="utf-8")
