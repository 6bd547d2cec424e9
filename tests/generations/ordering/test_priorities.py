"""Priorities: people put off their own, managers decide, and what was sent cannot be moved."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership, User
from accounts.roles import Role
from generations.lifecycle import State
from generations.models import Generation, Priority
from generations.ordering.priorities import priorities_for, set_priority
from generations.ordering.submit import submit_generation
from platform_site.errors import Conflict, DailiesError, InvalidRequest, PermissionDenied
from tests.factories import make_generation, make_member, make_request, make_user
from tests.generations.admin.steps import button
from tests.generations.portal.conftest import SignIn, sign_in  # noqa: F401  # a fixture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def reprioritise(job: Generation, by: Membership, priority: int | str) -> int:
    set_priority(job, priority=priority, by=By.member(by))
    job.refresh_from_db()
    return job.priority


def test_people_put_off_their_own_and_take_it_back(alice: Membership, bob: Membership) -> None:
    job = make_generation(bob)
    assert reprioritise(job, bob, Priority.LOW) == Priority.LOW
    assert reprioritise(job, bob, Priority.NORMAL) == Priority.NORMAL
    events = job.events.filter(kind="priority_set").values_list("message", flat=True)
    assert list(events) == ["Low.", "Normal."]
    with pytest.raises(PermissionDenied):
        reprioritise(job, bob, Priority.HIGH)


def test_only_managers_move_other_peoples(alice: Membership, bob: Membership) -> None:
    hers, his = make_generation(alice), make_generation(bob)
    for priority in Priority:
        with pytest.raises(PermissionDenied):
            reprioritise(hers, bob, priority)
        assert reprioritise(his, alice, priority) == priority


def test_strangers_and_viewers_move_nothing(
    alice: Membership, bob: Membership, charlie: Membership
) -> None:
    viewer = make_member(alice.team, Role.VIEWER)
    job = make_generation(bob)
    for who in (charlie, viewer):
        assert priorities_for(who, job) == []
        with pytest.raises(PermissionDenied):
            reprioritise(job, who, Priority.LOW)


@pytest.mark.parametrize("state", [State.SUBMITTING, State.PROCESSING, State.FAILED])
def test_what_was_sent_cannot_be_moved(alice: Membership, bob: Membership, state: State) -> None:
    for asker in (alice, bob):
        # Whoever may not put a film first either hears of what keeps everybody from it.
        with pytest.raises(Conflict):
            reprioritise(make_generation(asker, state), asker, Priority.HIGH)


@pytest.mark.parametrize("wrong", [2, "first", "", "1.0"])
def test_a_priority_is_one_of_three(alice: Membership, wrong: int | str) -> None:
    with pytest.raises(InvalidRequest):
        reprioritise(make_generation(alice), alice, wrong)


@pytest.mark.parametrize(
    ("who", "priority", "refused"),
    [
        ("bob", Priority.LOW, None),
        ("bob", Priority.HIGH, PermissionDenied),
        ("alice", Priority.HIGH, None),
        ("alice", 7, InvalidRequest),
    ],
)
def test_a_film_may_be_ordered_to_go_last_and_by_managers_first(
    alice: Membership,
    bob: Membership,
    who: str,
    priority: int,
    refused: type[DailiesError] | None,
) -> None:
    member = {"alice": alice, "bob": bob}[who]

    def order() -> Generation:
        return submit_generation(
            make_request(member.team),
            by=By.member(member),
            now=timezone.now(),
            priority=priority,
        )

    if refused is None:
        assert order().priority == priority
    else:
        with pytest.raises(refused):
            order()
        assert not Generation.objects.exists()


# At the doors


def test_the_films_page_moves_it_in_line(
    bob: Membership,
    alice: Membership,
    sign_in: SignIn,  # noqa: F811
) -> None:
    job = make_generation(bob)
    client = sign_in(bob)
    page = client.get(f"/generations/{job.pk}/").content.decode()
    assert "Move to back" in page
    assert "Move to front" not in page
    assert client.post(f"/generations/{job.pk}/priority/", {"priority": "-1"}).status_code == 302
    job.refresh_from_db()
    assert job.priority == Priority.LOW
    assert client.post(f"/generations/{job.pk}/priority/", {"priority": "1"}).status_code == 403
    assert "Move to front" in sign_in(alice).get(f"/generations/{job.pk}/").content.decode()


def test_p32_a_stranger_finds_nothing_to_move(
    bob: Membership,
    charlie: Membership,
    sign_in: SignIn,  # noqa: F811
) -> None:
    job = make_generation(bob)
    path = f"/generations/{job.pk}/priority/"
    assert sign_in(charlie).post(path, {"priority": "-1"}).status_code == 404


def test_the_studio_orders_with_a_priority_and_says_where_it_stands(
    bob: Membership,
    sign_in: SignIn,  # noqa: F811
) -> None:
    client = sign_in(bob)
    page = client.get("/").content.decode()
    assert 'name="priority"' in page
    form = {"team": bob.team.slug, "prompt": "A quiet lake", "priority": "-1"}
    client.post("/studio/submit/", form)
    assert Generation.objects.get().priority == Priority.LOW
    assert "It is behind your team" in client.get("/").content.decode()
    client.post("/studio/submit/", {**form, "priority": "1"})
    assert Generation.objects.count() == 1


def test_administrators_move_what_waits(alice: Membership) -> None:
    root: User = make_user(admin=True)
    client = Client()
    client.force_login(root)
    jobs = [make_generation(alice), make_generation(alice, State.PROCESSING)]
    client.post(
        "/admin/generations/generation/",
        {"action": "put_off", "_selected_action": [str(one.pk) for one in jobs]},
    )
    assert [one.priority for one in Generation.objects.order_by("created_at")] == [-1, 0]
    path = button(Generation, "reprioritise", jobs[0].pk)
    client.post(path, {"priority": "1", "_form_submitted": "True"})
    jobs[0].refresh_from_db()
    assert jobs[0].priority == Priority.HIGH
    page = client.get(f"/admin/generations/generation/{jobs[0].pk}/change/").content.decode()
    assert "Next in line" in page
