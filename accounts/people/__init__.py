"""People: what they are called, and the change of their address."""

from accounts.people.acting import by_of
from accounts.people.email_change import (
    ask_for_email,
    confirm_email,
    email_named,
    note_email_change,
    notify_previous_email,
)
from accounts.people.names import actors_named, name_of, names_of

__all__ = [
    "actors_named",
    "ask_for_email",
    "by_of",
    "confirm_email",
    "email_named",
    "name_of",
    "names_of",
    "note_email_change",
    "notify_previous_email",
]
