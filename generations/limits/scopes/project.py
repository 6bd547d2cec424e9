"""The scope of a project."""

from typing import Any

from django.db.models import QuerySet

from accounts.models import Membership, Project, Team
from generations.limits.scopes.base import AdminField
from generations.limits.scopes.rows import TeamRowScope
from generations.models import Generation


class ProjectScope(TeamRowScope[Project]):
    """What is submitted for one project."""

    slug = "project"
    target_type = Project
    title = "Projects"
    about = "Spending on one project."
    refused = "the project’s limit"
    admin_choice = "One project"
    admin_fields = (AdminField("project", Project, via=(Generation, "project")),)
    argument = "a project's slug"

    def rows(self) -> "QuerySet[Any]":
        """Return all projects with their teams."""
        return Project.objects.select_related("team")

    def name(self, row: Project) -> str:
        """Return the project's name."""
        return f"Project {row}"

    def of_team(self, team: Team) -> "QuerySet[Any]":
        """Return the team's projects, archived ones too."""
        return Project.objects.filter(team=team)

    def lookup(self, text: str) -> dict[str, str]:
        """Look by slug."""
        return {"slug": text}

    def seen_by(self, asker: Membership) -> "QuerySet[Any]":
        """Return the team's open projects."""
        return self.of_team(asker.team).filter(archived_at=None)

    def label(self, target: Project, asker: Membership) -> str:
        """Return the project's name."""
        return target.name


PROJECT = ProjectScope()
