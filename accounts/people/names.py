"""How people read the actors that rows keep."""

from collections.abc import Iterable

from accounts.actors import Person, read_person
from accounts.models import ApiKey, User


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Return a name for each actor, in two queries: a person's email as it is today.

    What is no person's id is its own name: `system:poll`.
    """
    wanted = set(actors)
    people = {by: person for by in wanted if (person := read_person(by))}
    users = User.objects.in_bulk({one.user_id for one in people.values()})
    ids = {one.api_key_id for one in people.values() if one.api_key_id}
    keys = ApiKey.objects.defer("prefix", "digest").in_bulk(ids) if ids else {}
    names = {by: by for by in wanted}
    for by, one in people.items():
        user = users.get(one.user_id)
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
    doors = [
        *(Person(pk) for pk in people),
        *(Person(pk, in_admin=True) for pk in people),
        *(Person(owner, key) for owner, key in keys),
    ]
    return [str(one) for one in doors]


def _door(person: Person, keys: dict[int, ApiKey]) -> str:
    if person.api_key_id:
        key = keys.get(person.api_key_id)
        return f" by API key …{key.last4}" if key else f" by API key {person.api_key_id}"
    return " in the admin" if person.in_admin else ""
