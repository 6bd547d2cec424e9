"""Create, rename, archive and restore a team's projects."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, Project, Team
from accounts.roles import Permission
from platform_site.errors import Conflict, InvalidRequest
from platform_site.text.visible import visible_line

MAX_PROJECT_NAME = 80
MAX_SLUG = 50  # leaves room for a number
_TRIES = 100


def create_project(*, team: Team, name: str, by: By) -> Project:
    """Create a project in the team; its slug follows from the name and never changes.

    Raises `PermissionDenied`, `InvalidRequest` for a bad name, `Conflict` for one in use.
    """
    by.require(Permission.LIMITS, team_id=team.pk)
    name = _name(team, name)
    stem = slugify(name)[:MAX_SLUG].strip("-") or "project"
    for number in range(1, _TRIES):
        slug = stem if number == 1 else f"{stem}-{number}"
        if Project.objects.filter(team=team, slug=slug).exists():
            continue
        try:
            with transaction.atomic():
                project = Project.objects.create(team=team, name=name, slug=slug)
                _record(project, AuditAction.PROJECT_CREATED, by, name=name, slug=slug)
        except IntegrityError:
            continue  # another one took the slug at the same moment
        return project
    raise Conflict("Too many projects have this name. Choose another.", field="name")


@transaction.atomic
def rename_project(project: Project, *, name: str, by: By) -> None:
    """Call a project something else. Raises as `create_project` does."""
    by.require(Permission.LIMITS, team_id=project.team_id)
    before, project.name = project.name, _name(project.team, name, but=project)
    Project.objects.filter(pk=project.pk).update(name=project.name)
    _record(project, AuditAction.PROJECT_RENAMED, by, before=before, name=project.name)


@transaction.atomic
def archive_project(project: Project, *, by: By, now: datetime) -> None:
    """Take no new generations for a project; what it has stays. Raises `PermissionDenied`."""
    by.require(Permission.LIMITS, team_id=project.team_id)
    if Project.objects.filter(pk=project.pk, archived_at=None).update(archived_at=now):
        _record(project, AuditAction.PROJECT_ARCHIVED, by)
    project.refresh_from_db()


@transaction.atomic
def reopen_project(project: Project, *, by: By) -> None:
    """Take generations for an archived project again. Raises as `create_project` does."""
    by.require(Permission.LIMITS, team_id=project.team_id)
    _name(project.team, project.name, but=project)
    if Project.objects.filter(pk=project.pk, archived_at__isnull=False).update(archived_at=None):
        _record(project, AuditAction.PROJECT_REOPENED, by)
    project.refresh_from_db()


def _name(team: Team, name: str, *, but: Project | None = None) -> str:
    """Return the name as it is stored: one line, and once among the team's open projects."""
    name = visible_line(name)
    if not 1 <= len(name) <= MAX_PROJECT_NAME:
        raise InvalidRequest(f"Enter a name of 1 to {MAX_PROJECT_NAME} characters.", field="name")
    same = Project.objects.filter(team=team, name__iexact=name, archived_at=None)
    if any(one != but for one in same):
        raise Conflict("This project name is taken.", field="name")
    return name


def _record(project: Project, action: AuditAction, by: By, **data: Any) -> None:
    record(by=by, action=action, team=project.team, subject=project, **data)
