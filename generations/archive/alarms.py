"""Tell people of films that are not kept yet while their links grow old, and of lost ones (P39)."""

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from accounts.models import NoticeKind, Team
from accounts.notices import notify
from accounts.roles import Permission, role_allows
from accounts.selectors import membership_of
from generations.models import Film, Generation

log = structlog.get_logger(__name__)

ARCHIVE_PATH = "/archive/"
_ALARMS_AT = (0.25, 0.5, 0.75)
ALARMS = len(_ALARMS_AT)
# When a store fails, every film of a team is late at once: that is one message.
_ONE_NOTICE = timedelta(hours=1)


def raise_alarms(*, now: datetime) -> int:
    """Raise alarms at 25%, 50% and 75% of the life of unkept films’ links; return how many.

    Each goes to the log; the team's managers hear of the first in an hour, with how many there are.
    """
    raised = 0
    late = Film.objects.filter(
        state=Film.State.PENDING, link_expires_at__isnull=False, alarms__lt=ALARMS
    )
    for film in late.select_related("generation__team").order_by("created_at").iterator():
        life = film.link_expires_at - film.created_at  # type: ignore[operator]
        passed = sum((now - film.created_at) >= life * share for share in _ALARMS_AT)
        if passed > film.alarms:
            raised += _raise(film, passed, now=now)
    return raised


def notify_lost(generation: Generation, *, attempt: int, problem: str, now: datetime) -> None:
    """Tell the managers and whoever submitted it that a film is lost, in the losing transaction."""
    owner = membership_of(generation.user, generation.team)
    audiences = {"managers": Permission.FILMS, f"user:{generation.user_id}": generation.user}
    if owner is None or role_allows(owner.role, Permission.FILMS):
        # Who left hears nothing any more, and a manager hears it once.
        audiences.pop(f"user:{generation.user_id}")
    for whom, audience in audiences.items():
        notify(
            team=generation.team,
            audience=audience,  # type: ignore[arg-type]  # of two kinds
            kind=NoticeKind.FILM_LOST,
            title=f"Film lost: {generation.credits:,} credits spent",
            body=(
                f"“{generation}” could not be saved before the vendor’s link expired.\n\n"
                f"{problem}\n\nThe vendor charged for it, so the credits are spent. You can save "
                "it again from its page: we then ask the vendor for a new link, at no cost."
            ),
            key=f"film.lost:{generation.pk}:{attempt}:{whom}",
            path=f"/generations/{generation.pk}/",
            subject=generation,
            now=now,
        )


@transaction.atomic
def _raise(film: Film, passed: int, *, now: datetime) -> bool:
    if not Film.objects.filter(pk=film.pk, alarms=film.alarms).update(alarms=passed):
        return False
    share = _ALARMS_AT[passed - 1]
    log.error(
        "film_not_kept_yet",
        generation_id=str(film.pk),
        link_life_passed=share,
        problem=film.problem,
    )
    _notify_late(film.generation.team, film, share, now=now)
    return True


def _notify_late(team: Team, film: Film, share: float, *, now: datetime) -> None:
    waiting = Film.objects.filter(generation__team=team, state=Film.State.PENDING)
    count = waiting.filter(created_at__lte=film.created_at).count()
    films = "1 film" if count == 1 else f"{count:,} films"
    period = int(now.timestamp() // _ONE_NOTICE.total_seconds())
    notify(
        team=team,
        audience=Permission.FILMS,
        kind=NoticeKind.FILM_LATE,
        title=f"{films} not saved yet, {share:.0%} of the link time used",
        body=(
            f"“{film.generation}” is only at the vendor, whose link expires on "
            f"{film.link_expires_at:%-d %B %Y, %H:%M %Z}.\n\n"
            f"{film.problem or 'We have not tried to save it yet.'}\n\n"
            "We retry until then. An administrator should check the background work and the "
            "storage."
        ),
        key=f"film.late:{team.pk}:{share}:{period}",
        path=ARCHIVE_PATH,
        now=now,
    )
