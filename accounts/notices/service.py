"""Tell people of a team something, once, and note what they have seen."""

from datetime import datetime

from django.db.models import F, Model
from django.db.models.functions import Greatest

from accounts.authority import By
from accounts.models import Membership, Notice, NoticeKind, Team, User
from accounts.notices.steps import mail_step
from accounts.roles import Permission
from platform_site.clusters.steps import ENQUEUE_AGAIN
from platform_site.db.subjects import subject_kind_of


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
            "subject_kind": subject_kind_of(subject) if subject else "",
            "subject_id": str(subject.pk) if subject else "",
            # One line: it becomes the subject of an email, and names in it are people's own.
            "title": " ".join(title.split())[:200],
            "body": body.strip(),
            "path": path,
            "created_at": now,
            "next_mail_at": now + ENQUEUE_AGAIN,
        },
    )
    if created:
        mail_step.enqueue(notice.pk)
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
