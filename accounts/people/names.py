"""How people read the actors that rows keep."""

import re
from collections.abc import Iterable

from accounts.authority import IN_THE_ADMIN
from accounts.models import ApiKey, User

_PERSON = re.compile(
    r"user:(?P<user>[0-9]{1,18})(?:/(?:api_key:(?P<key>[0-9]{1,18})|(?P<door>\w+)))?"
)


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Return a name for each actor, in two queries: a person's email as it is today.

    What is no person's id is its own name: `system:poll`.
    """
    wanted = set(actors)
    people = {by: found for by in wanted if (found := _PERSON.fullmatch(by))}
    users = User.objects.in_bulk({int(one["user"]) for one in people.values()})
    ids = {int(one["key"]) for one in people.values() if one["key"]}
    keys = ApiKey.objects.defer("prefix", "digest").in_bulk(ids) if ids else {}
    names = {by: by for by in wanted}
    for by, one in people.items():
        user = users.get(int(one["user"]))
        if user is not None:
            names[by] = f"{user.email}{_door(one, keys)}"
    return names


def name_of(by: str) -> str:
    """Return one actor's name; see `names_of`."""
    return names_of([by])[by]


def actors_named(text: str) -> list[str]:
    """Return all that rows may call the people whose email or name has `text`: a name a door."""
    found = User.objects.filter(email__icontains=text) | User.objects.filter(name__icontains=text)
    people = list(found.values_list("pk", flat=True))
    keys = ApiKey.objects.filter(owner__in=people).values_list("owner", "pk")
    return [
        *(f"user:{pk}" for pk in people),
        *(f"user:{pk}/{IN_THE_ADMIN}" for pk in people),
        *(f"user:{owner}/api_key:{pk}" for owner, pk in keys),
    ]


def _door(one: re.Match[str], keys: dict[int, ApiKey]) -> str:
    if one["key"]:
        key = keys.get(int(one["key"]))
        return f" by API key …{key.last4}" if key else f" by API key {one['key']}"
    return " in the admin" if one["door"] == IN_THE_ADMIN else ""
