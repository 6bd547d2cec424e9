"""The scope of a whole team."""

from typing import Any

from django.db.models import QuerySet

from accounts.models import ApiKey, Membership, Team
from generations.limits.scopes.base import AdminField
from generations.limits.scopes.rows import RowScope


class TeamScope(RowScope[Team]):
    """Everything that a team spends."""

    slug = "team"
    target_type = Team
    title = "The team"
    about = "All spending of {team}."
    without = "The team has no limit. Its wallet is the only bound."
    refused = "the team’s limit"
    admin_choice = "A whole team"
    admin_fields = (AdminField("team", Team, via=(ApiKey, "team")),)

    def rows(self) -> "QuerySet[Any]":
        """Return all teams."""
        return Team.objects.all()

    def name(self, row: Team) -> str:
        """Return the team's name."""
        return f"The team {row}"

    def seen_by(self, asker: Membership) -> list[Team]:
        """Return the asker's team."""
        return [asker.team]

    def label(self, target: Team, asker: Membership) -> str:
        """Return the team's name."""
        return target.name

    def value(self, target: Team) -> str:
        """Return the word: a form is about one team."""
        return self.slug

    def chosen(self, asker: Membership, number: str) -> Team | None:
        """Return the asker's team."""
        return asker.team


TEAM = TeamScope()
