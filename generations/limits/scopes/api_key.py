"""The scope of an API key."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from accounts.models import ApiKey, Membership, Team, User
from accounts.roles import Permission, role_allows
from accounts.selectors import api_keys_for
from generations.limits.scopes.base import AdminField
from generations.limits.scopes.rows import TeamRowScope
from generations.models import Generation


class ApiKeyScope(TeamRowScope[ApiKey]):
    """What one API key submits."""

    slug = "api_key"
    target_type = ApiKey
    title = "API keys"
    about = "Spending with one API key of the team."
    refused = "the API key’s limit"
    admin_choice = "One API key"
    admin_fields = (AdminField("api_key", ApiKey, via=(Generation, "api_key")),)
    argument = "an API key's name"

    def rows(self) -> "QuerySet[Any]":
        """Return all keys with their teams and owners."""
        return ApiKey.objects.select_related("team", "owner")

    def name(self, row: ApiKey) -> str:
        """Return the key's label and last characters."""
        return f"API key {row}"

    def owner(self, row: ApiKey) -> User:
        """Return who the key acts for."""
        return row.owner

    def of_team(self, team: Team) -> "QuerySet[Any]":
        """Return the team's keys that are not deleted."""
        return ApiKey.objects.filter(team=team, deleted_at=None)

    def lookup(self, text: str) -> dict[str, str]:
        """Look by label."""
        return {"label": text}

    def seen_by(self, asker: Membership) -> Iterable[ApiKey]:
        """Return the keys that the asker sees, when they can spend."""
        return api_keys_for(asker) if role_allows(asker.role, Permission.SUBMIT) else ()

    def label(self, target: ApiKey, asker: Membership) -> str:
        """Return the key's label and last characters."""
        return str(target)


API_KEY = ApiKeyScope()
