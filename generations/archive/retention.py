"""A team's rule for how long its films are kept, and removing those that outlived it.

Removing takes the files; the generation, its money, its receipt and its timeline stay.
"""

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, NoticeKind, Team
from accounts.notices import notify
from accounts.people import name_of
from accounts.roles import Permission
from generations.archive.alarms import ARCHIVE_PATH
from generations.archive.reads import FILM_GRACE, outliving_films
from generations.archive.store import let_go
from generations.lifecycle import EventKind
from generations.models import Film, Generation, RetentionRule
from generations.transitions import record_event
from platform_site.errors import InvalidRequest

log = structlog.get_logger(__name__)
SYSTEM = By.system("retention")

MAX_RETENTION_DAYS = 3650
REMOVAL_NOTICE = timedelta(days=7)
_BATCH = 500


@transaction.atomic
def set_retention(
    *, team: Team, days: int, keep_favourites: bool, by: By, now: datetime
) -> RetentionRule:
    """Have the team's films removed `days` days after each was kept, favourites perhaps not.

    Nothing is removed in the first three days of a rule that removes more than the one before.
    Raises `PermissionDenied`, and `InvalidRequest` unless `days` is 1 to 3650.
    """
    by.require(Permission.FILMS, team_id=team.pk)
    if not 1 <= days <= MAX_RETENTION_DAYS:
        raise InvalidRequest(
            f"Enter a whole number of days from 1 to {MAX_RETENTION_DAYS:,}.", field="days"
        )
    earlier = RetentionRule.objects.filter(team=team).first()
    rule = RetentionRule(
        team=team, days=days, keep_favourites=keep_favourites, set_by=by.name, set_at=now
    )
    if earlier is not None and _is_no_stricter(rule, earlier):
        rule.set_at = earlier.set_at
    rule.save(force_insert=earlier is None)
    record(
        by=by,
        action=AuditAction.RETENTION_SET,
        team=team,
        subject=team,
        days=days,
        keep_favourites=keep_favourites,
        earlier_days=earlier.days if earlier else None,
    )
    if rule.set_at == now:
        _notify_of_rule(rule, by=by, now=now)
    return rule


@transaction.atomic
def clear_retention(*, team: Team, by: By) -> None:
    """Keep the team's films without a limit again; what was removed stays removed.

    Raises `PermissionDenied`.
    """
    by.require(Permission.FILMS, team_id=team.pk)
    if RetentionRule.objects.filter(team=team).delete()[0]:
        record(by=by, action=AuditAction.RETENTION_CLEARED, team=team, subject=team)


def remove_outlived_films(*, now: datetime) -> int:
    """Remove films past their teams' rules, at most 500 a team; return how many."""
    removed = 0
    for rule in RetentionRule.objects.select_related("team"):
        _warn(rule, now=now)
        for film in outliving_films(rule, by=now)[:_BATCH]:
            removed += _remove(film, rule, now=now)
    if removed:
        log.info("films_removed", count=removed)
    return removed


@transaction.atomic
def _remove(film: Film, rule: RetentionRule, *, now: datetime) -> bool:
    # Each row is written, though to what it says, so that it is locked: a rule that is lifted or
    # a film that becomes a favourite at this very moment is either seen here or waits.
    rules = RetentionRule.objects.filter(pk=rule.pk, days=rule.days, set_at=rule.set_at)
    if not rules.filter(keep_favourites=rule.keep_favourites).update(days=rule.days):
        return False
    generations = Generation.objects.filter(pk=film.pk)
    if rule.keep_favourites and not generations.filter(favourite=False).update(favourite=False):
        return False
    words = f"Removed on {now:%-d %B %Y} by the team's retention of {_days(rule.days)}."
    removed = Film.objects.filter(pk=film.pk, state=Film.State.KEPT).update(
        state=Film.State.REMOVED,
        removed_at=now,
        problem=words,
        stored=None,
        file_name="",
        poster_name="",
        last_frame_name="",
    )
    if removed:
        let_go(film)
        record_event(film.generation, EventKind.FILM_REMOVED, by=SYSTEM, message=words)
    return bool(removed)


def _warn(rule: RetentionRule, *, now: datetime) -> None:
    """Tell the team once a week what the coming one will take."""
    soon = outliving_films(rule, by=now + REMOVAL_NOTICE)
    count = soon.count()
    if not count:
        return
    year, week, _ = now.isocalendar()
    films = "1 film" if count == 1 else f"{count:,} films"
    notify(
        team=rule.team,
        audience=Permission.SUBMIT,
        kind=NoticeKind.FILM_REMOVAL,
        title=f"{films} will be removed in the next {REMOVAL_NOTICE.days} days",
        body=(
            f"{rule.team} keeps films for {_days(rule.days)}. Download what you need, or "
            + (
                "mark it as a favourite: favourites stay."
                if rule.keep_favourites
                else "ask a manager to change the retention."
            )
        ),
        key=f"film.removal:{rule.team_id}:{year}-{week}",
        path=ARCHIVE_PATH,
        now=now,
    )


def _notify_of_rule(rule: RetentionRule, *, by: By, now: datetime) -> None:
    kept = _days(rule.days)
    but = " Favourites stay." if rule.keep_favourites else " Favourites are removed too."
    setter = name_of(by.name)
    notify(
        team=rule.team,
        audience=Permission.SUBMIT,
        kind=NoticeKind.FILM_RETENTION,
        title=f"Films are kept for {kept}",
        body=(
            f"{setter} set this. A film’s files are removed {kept} after it is saved, and "
            f"none before {now + FILM_GRACE:%-d %B %Y}.{but}"
        ),
        key=f"film.retention:{rule.team_id}:{now.isoformat()}",
        path=ARCHIVE_PATH,
        now=now,
    )


def _is_no_stricter(rule: RetentionRule, earlier: RetentionRule) -> bool:
    spares_as_many = rule.keep_favourites or not earlier.keep_favourites
    return rule.days >= earlier.days and spares_as_many


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days:,} days"
