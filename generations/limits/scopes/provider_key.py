"""The scope of a provider key."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from accounts.models import Membership, Team, User
from accounts.roles import Permission, role_allows
from generations.limits.scopes.base import AdminField
from generations.limits.scopes.rows import TeamRowScope
from generations.models import Generation, ProviderKey
from generations.selectors import provider_keys_for


class ProviderKeyScope(TeamRowScope[ProviderKey]):
    """What goes out with one provider key."""

    slug = "provider_key"
    target_type = ProviderKey
    title = "Provider keys"
    about = "Spending of films sent with one provider key."
    refused = "the provider key’s limit"
    admin_choice = "One provider key"
    admin_fields = (AdminField("provider_key", ProviderKey, via=(Generation, "provider_key")),)
    argument = "the last four characters of a provider key"

    def rows(self) -> "QuerySet[Any]":
        """Return all keys with their teams and owners."""
        return ProviderKey.objects.select_related("team", "owner")

    def name(self, row: ProviderKey) -> str:
        """Return the key's label and last characters."""
        return f"Provider key {row}"

    def owner(self, row: ProviderKey) -> User | None:
        """Return whose key it is; the team's shared one is nobody's."""
        return row.owner

    def of_team(self, team: Team) -> "QuerySet[Any]":
        """Return the team's keys that can still be sent with."""
        return ProviderKey.objects.filter(team=team).exclude(state=ProviderKey.State.SEALED)

    def lookup(self, text: str) -> dict[str, str]:
        """Look by the last characters."""
        return {"last4": text}

    def seen_by(self, asker: Membership) -> Iterable[ProviderKey]:
        """Return all keys for who manages limits, else their own and the shared one."""
        if not role_allows(asker.role, Permission.SUBMIT):
            return ()
        manages = role_allows(asker.role, self.permission)
        keys = self.of_team(asker.team) if manages else provider_keys_for(asker)
        return keys.select_related("owner")

    def label(self, target: ProviderKey, asker: Membership) -> str:
        """Return the key's name and whose it is."""
        whose = f"{target.owner.get_full_name()}’s" if target.owner else "the team’s"
        return f"{target}, {whose}"


PROVIDER_KEY = ProviderKeyScope()
