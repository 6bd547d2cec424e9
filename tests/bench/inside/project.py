"""A project of the demo team, for limits over all scopes."""

from accounts.authority import By
from accounts.models import Team
from accounts.projects import create_project
from generations.models import ProviderKey


def main(name: str) -> dict[str, str]:
    """Create it; return its slug, and how commands name the team's provider key."""
    team = Team.objects.get(slug="demo")
    project = create_project(team=team, name=name, by=By.command("bench"))
    return {"project": project.slug, "provider_key": ProviderKey.objects.get(team=team).last4}
