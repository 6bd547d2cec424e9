"""What rows keep of whoever acted, written and read here alone."""

import re
from dataclasses import dataclass
from enum import StrEnum

_PERSON = re.compile(
    r"user:(?P<user>[0-9]{1,18})(?:/(?:api_key:(?P<key>[0-9]{1,18})|(?P<admin>admin)))?"
)


class ActorKind(StrEnum):
    """Who can act."""

    USER = "user"
    COMMAND = "command"
    SYSTEM = "system"
    PROVIDER = "vendor"


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the books know them, by id, with the door they came through."""

    user_id: int
    api_key_id: int | None = None
    in_admin: bool = False

    def __str__(self) -> str:
        """Return what rows keep: `user:17`, `user:17/api_key:5` or `user:17/admin`."""
        door = f"/api_key:{self.api_key_id}" if self.api_key_id else ""
        return f"{ActorKind.USER}:{self.user_id}{'/admin' if self.in_admin else door}"


def actor_name(kind: ActorKind, part: str) -> str:
    """Return what rows keep of an actor who is no person, such as `system:sweep`."""
    return f"{kind}:{part}"


def kind_of_actor(actor: str) -> ActorKind | None:
    """Return what kind of actor a row names; None for a text that is nobody's."""
    kind = actor.partition(":")[0]
    return next((one for one in ActorKind if one == kind), None)


def read_person(actor: str) -> Person | None:
    """Return the person whom a row names; None where it names no person."""
    found = _PERSON.fullmatch(actor)
    if found is None:
        return None
    key = int(found["key"]) if found["key"] else None
    return Person(int(found["user"]), key, in_admin=bool(found["admin"]))
