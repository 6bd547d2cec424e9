"""What rows keep of an actor is read back as it was written."""

import pytest

from accounts.actors import ActorKind, Person, actor_name, kind_of_actor, read_person
from accounts.authority import By


@pytest.mark.parametrize(
    ("person", "name"),
    [
        (Person(17), "user:17"),
        (Person(17, 5), "user:17/api_key:5"),
        (Person(17, in_admin=True), "user:17/admin"),
    ],
)
def test_p35_a_person_is_read_as_written(person: Person, name: str) -> None:
    assert str(person) == name
    assert read_person(name) == person
    assert kind_of_actor(name) == ActorKind.USER


@pytest.mark.parametrize(
    ("by", "kind"),
    [
        (By.command("grant"), ActorKind.COMMAND),
        (By.system("sweep"), ActorKind.SYSTEM),
        (By.provider("callback"), ActorKind.PROVIDER),
    ],
)
def test_p35_others_are_told_apart(by: By, kind: ActorKind) -> None:
    assert kind_of_actor(by.name) == kind
    assert read_person(by.name) is None
    assert actor_name(kind, by.name.partition(":")[2]) == by.name


@pytest.mark.parametrize("text", ["", "user:", "user:x", "user:1/door", "users:1", "anybody"])
def test_other_texts_name_no_person(text: str) -> None:
    assert read_person(text) is None
