"""How people read the actors that rows keep."""

import re
from collections.abc import Iterable

from accounts.actor import IN_THE_ADMIN
from accounts.models import ApiKey, User

_PERSON = re.compile(
    r"user:(?P<user>[0-9]{1,18})(?:/(?:api_key:(?P<key>[0-9]{1,18})|(?P<door>\w+)))?"
)


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Return a name for each actor, in two queries: a person's address as it is today.

    What is no person's id is its own name: `system:poll`.
    """
    wanted = set(actors)
    people = {actor: found for actor in wanted if (found := _PERSON.fullmatch(actor))}
    users = User.objects.in_bulk({int(one["user"]) for one in people.values()})
    ids = {int(one["key"]) for one in people.values() if one["key"]}
    keys = ApiKey.objects.defer("prefix", "digest").in_bulk(ids) if ids else {}
    names = {actor: actor for actor in wanted}
    for actor, one in people.items():
        user = users.get(int(one["user"]))
        if user is not None:
            names[actor] = f"{user.email}{_door(one, keys)}"
    return names


def name_of(actor: str) -> str:
    """Return one actor's name; see `names_of`."""
    return names_of([actor])[actor]


def actors_named(text: str) -> list[str]:
    """Return the ids, as rows begin with them, of the people whose address or name has `text`."""
    found = User.objects.filter(email__icontains=text) | User.objects.filter(name__icontains=text)
    return [f"user:{pk}" for pk in found.values_list("pk", flat=True)[:20]]


def _door(one: re.Match[str], keys: dict[int, ApiKey]) -> str:
    if one["key"]:
        key = keys.get(int(one["key"]))
        return f" by API key …{key.last4}" if key else f" by API key {one['key']}"
    return " in the admin" if one["door"] == IN_THE_ADMIN else ""
