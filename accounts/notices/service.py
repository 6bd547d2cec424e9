"""Tell people of a team something, once, and note what they have seen."""

from datetime import datetime, timedelta

from django.db.models import F, Model, Q
from django.db.models.functions import Greatest

from accounts.authority import By
from accounts.models import Membership, Notice, NoticeKind, Team, User
from accounts.notices.steps import mail
from accounts.roles import Permission
from platform_site.backoff import Backoff
from platform_site.subjects import kind_of

# The queue mails at once; the sweep looks again in case the queue lost it.
_MAIL_AGAIN = timedelta(seconds=60)
_CLAIM = timedelta(minutes=10)
_MAX_MAIL_TRIES = 8
_BACKOFF = Backoff(first=timedelta(minutes=1), last=timedelta(hours=1))


def notify(
    *,
    team: Team,
    audience: Permission | User,
    kind: NoticeKind,
    title: str,
    body: str,
    key: str,
    now: datetime,
    path: str = "",
    subject: Model | None = None,
) -> Notice | None:
    """Post a notice to one person, or to all who may do something, and have it mailed.

    In the caller's transaction. `body` is plain text, `path` a path in the portal, `key` what it
    says once over the whole site, `subject` the row that it is about. Returns None when that was
    said before.
    """
    notice, created = Notice.objects.get_or_create(
        dedupe_key=key,
        defaults={
            "team": team,
            "permission": audience.name if isinstance(audience, Permission) else "",
            "user": audience if isinstance(audience, User) else None,
            "kind": kind,
            "subject_kind": kind_of(subject) if subject else "",
            "subject_id": str(subject.pk) if subject else "",
            # One line: it becomes the subject of an e-mail, and names in it are people's own.
            "title": " ".join(title.split())[:200],
            "body": body.strip(),
            "path": path,
            "created_at": now,
            "next_mail_at": now + _MAIL_AGAIN,
        },
    )
    if created:
        mail.enqueue(notice.pk)
    return notice if created else None


def mark_read(*, up_to: int, by: By) -> None:
    """Note that the member has seen the notices up to the id `up_to`; never fewer than before.

    Raises `PermissionDenied`.
    """
    membership = by.membership
    by.require(Permission.VIEW, team_id=membership.team_id)
    Membership.objects.filter(pk=membership.pk).update(
        notices_read_to=Greatest(F("notices_read_to"), up_to)
    )
    membership.refresh_from_db(fields=["notices_read_to"])


def claim_mailing(notice_id: int, *, now: datetime) -> Notice | None:
    """Take over writing a notice's e-mails; None when all are written or another one writes them.

    A claim ends by `end_mailing`, by `postpone_mailing`, or by time when its worker died.
    """
    due = Notice.objects.filter(pk=notice_id, next_mail_at__isnull=False)
    notice = due.select_related("team", "user").first()
    if notice is None:
        return None
    # Two copies of one task may run at once: whoever claims writes, the other does nothing.
    claimed = due.filter(
        Q(claimed_until=None) | Q(claimed_until__lte=now), mail_attempts=notice.mail_attempts
    ).update(
        mail_attempts=notice.mail_attempts + 1,
        claimed_until=now + _CLAIM,
        next_mail_at=now + _CLAIM,
    )
    notice.mail_attempts += 1
    return notice if claimed else None


def note_mailed(notice: Notice, user: User) -> None:
    """Note that `user` has their e-mail; a later try leaves them out."""
    notice.mailed_to = [*notice.mailed_to, user.pk]
    Notice.objects.filter(pk=notice.pk).update(mailed_to=notice.mailed_to)


def end_mailing(notice: Notice) -> None:
    """Note that everybody has their e-mail."""
    Notice.objects.filter(pk=notice.pk).update(next_mail_at=None, claimed_until=None)


def postpone_mailing(notice: Notice, *, now: datetime) -> bool:
    """Try the e-mails that failed again later; False when there will be no other try."""
    is_last = notice.mail_attempts >= _MAX_MAIL_TRIES
    wait = _BACKOFF.after(notice.mail_attempts)
    Notice.objects.filter(pk=notice.pk).update(
        next_mail_at=None if is_last else now + wait, claimed_until=None
    )
    return not is_last
