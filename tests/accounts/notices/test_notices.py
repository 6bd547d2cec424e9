"""Notices: said once, to whom they are for, and read by each on their own."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership, Notice, NoticeKind, Team, User
from accounts.notices.service import mark_read, notify
from accounts.roles import Permission, Role
from accounts.selectors import audience_of, notices_for, unread_notices
from tests.factories import make_member
from tests.support.races import race

pytestmark = pytest.mark.django_db


def post(team: Team, audience: Permission | User, key: str = "k1") -> Notice | None:
    return notify(
        team=team,
        audience=audience,
        kind=NoticeKind.WALLET_LOW,
        title="Something happened",
        body="Details.",
        key=key,
        now=timezone.now(),
    )


def posted(team: Team, audience: Permission | User, key: str = "k1") -> Notice:
    notice = post(team, audience, key)
    assert notice is not None
    return notice


def test_the_same_key_says_it_once(team: Team, alice: Membership) -> None:
    assert post(team, Permission.LIMITS) is not None
    assert post(team, Permission.LIMITS) is None
    assert post(team, alice.user) is None
    assert Notice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.both_databases
def test_of_many_who_say_the_same_at_once_one_does(team: Team) -> None:
    results = race(8, lambda _: post(team, Permission.LIMITS))
    assert sum(isinstance(result, Notice) for result in results) == 1
    assert all(result is None or isinstance(result, Notice) for result in results)


def test_a_title_is_one_short_line(team: Team) -> None:
    notice = notify(
        team=team,
        audience=Permission.VIEW,
        kind=NoticeKind.WALLET_LOW,
        title="Key\r\nBcc: mallory@example.com " + "x" * 300,
        body="",
        key="k",
        now=timezone.now(),
    )
    assert notice is not None
    assert notice.title.startswith("Key Bcc: mallory@example.com")
    assert len(notice.title) == 200


def test_who_may_do_it_is_told_and_a_member_is_not(
    team: Team, alice: Membership, bob: Membership
) -> None:
    notice = posted(team, Permission.LIMITS)
    assert list(notices_for(alice)) == [notice]
    assert not notices_for(bob).exists()
    assert [member.user for member in audience_of(notice)] == [alice.user]


def test_a_notice_to_one_person_is_theirs_alone(
    team: Team, alice: Membership, bob: Membership
) -> None:
    notice = posted(team, bob.user)
    assert list(notices_for(bob)) == [notice]
    assert not notices_for(alice).exists()
    assert audience_of(notice) == [bob]


def test_p32_a_stranger_sees_nothing(team: Team, bob: Membership, charlie: Membership) -> None:
    for number, audience in enumerate([*Permission, bob.user]):
        posted(team, audience, f"k{number}")
    assert not notices_for(charlie).exists()
    assert unread_notices(charlie) == 0


def test_who_left_or_was_switched_off_is_not_mailed(team: Team, bob: Membership) -> None:
    notice = posted(team, bob.user)
    User.objects.filter(pk=bob.user_id).update(is_active=False)
    assert audience_of(notice) == []
    User.objects.filter(pk=bob.user_id).update(is_active=True)
    bob.delete()
    assert audience_of(notice) == []


def test_reading_counts_for_the_reader_alone(team: Team, alice: Membership) -> None:
    manager = make_member(team, Role.MANAGER)
    first, second = (posted(team, Permission.LIMITS, key) for key in ("k1", "k2"))
    assert unread_notices(alice) == unread_notices(manager) == 2
    mark_read(up_to=first.pk, by=By.member(alice))
    assert (unread_notices(alice), unread_notices(manager)) == (1, 2)
    mark_read(up_to=second.pk, by=By.member(alice))
    mark_read(up_to=first.pk, by=By.member(alice))  # an older page, sent late
    assert unread_notices(alice) == 0


def test_what_was_said_before_somebody_joined_is_not_unread(team: Team) -> None:
    notice = posted(team, Permission.LIMITS)
    Notice.objects.filter(pk=notice.pk).update(created_at=timezone.now() - timedelta(days=1))
    manager = make_member(team, Role.MANAGER)
    assert notices_for(manager).count() == 1
    assert unread_notices(manager) == 0


def test_the_database_refuses_two_audiences_and_none(team: Team, bob: Membership) -> None:
    for number, (permission, user) in enumerate([("VIEW", bob.user), ("", None)]):
        with pytest.raises(IntegrityError), transaction.atomic():
            Notice.objects.create(
                team=team, permission=permission, user=user, title="x", dedupe_key=f"bad{number}"
            )
