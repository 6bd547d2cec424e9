"""Each person has one e-mail of what a row says, however often its step runs."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.utils import timezone

from accounts.models import Membership, Notice, NoticeKind, Team
from accounts.notices.mailing import mail_each
from accounts.notices.service import notify
from accounts.roles import Permission

pytestmark = pytest.mark.django_db

Write = Callable[[Notice, Membership], None]


@pytest.fixture
def notice(team: Team) -> Notice:
    found = notify(
        team=team,
        audience=Permission.VIEW,
        kind=NoticeKind.WALLET_LOW,
        title="Low",
        body="Details.",
        key="k",
        now=timezone.now(),
    )
    assert found is not None
    return found


def mail(
    notice: Notice, members: Iterable[Membership], write: Write, now: datetime | None = None
) -> Notice:
    rows = Notice.objects.filter(pk=notice.pk)
    mail_each(rows, to=lambda _: members, write=write, now=now or timezone.now())
    return rows.get()


def test_everybody_is_written_to_once(notice: Notice, alice: Membership, bob: Membership) -> None:
    told: list[Membership] = []
    for _ in range(2):
        row = mail(notice, [alice, bob], lambda _, member: told.append(member))
    assert told == [alice, bob]
    assert (row.mailed_to, row.next_mail_at) == ([alice.user_id, bob.user_id], None)


def test_who_could_not_be_written_to_is_tried_again_alone(
    notice: Notice, alice: Membership, bob: Membership
) -> None:
    told: list[Membership] = []

    def write(_: Notice, member: Membership) -> None:
        if member == alice:
            raise SMTPServerDisconnected
        told.append(member)

    now = timezone.now()
    row = mail(notice, [alice, bob], write, now)
    assert told == [bob]
    assert row.next_mail_at == now + timedelta(minutes=1)
    row = mail(notice, [alice, bob], lambda _, member: told.append(member))
    assert told == [bob, alice]
    assert row.next_mail_at is None


def test_one_writes_at_a_time_until_its_claim_ends(notice: Notice, alice: Membership) -> None:
    now = timezone.now()
    told: list[str] = []

    def another_meanwhile(row: Notice, _: Membership) -> None:
        mail(row, [alice], lambda *_: told.append("twice"), now + timedelta(minutes=9))
        told.append("once")

    mail(notice, [alice], another_meanwhile, now)
    assert told == ["once"]
    late = now + timedelta(minutes=11)
    Notice.objects.update(claimed_until=now + timedelta(minutes=10), next_mail_at=now, mailed_to=[])
    mail(notice, [alice], lambda *_: told.append("after the dead one"), late)
    assert told == ["once", "after the dead one"]


def test_trying_ends(notice: Notice, alice: Membership) -> None:
    def refuse(_: Notice, __: Membership) -> None:
        raise ConnectionRefusedError

    now, waits = timezone.now(), []
    while (row := mail(notice, [alice], refuse, now)).next_mail_at is not None:
        waits.append((row.next_mail_at - now) // timedelta(minutes=1))
        now = row.next_mail_at
    assert waits == [1, 2, 4, 8, 16, 32, 60]
