"""What spending counts against: the subjects of limits, in the one fixed order of admission."""

from accounts.models import ApiKey, Project, Team, User
from billing.subjects import Subject
from generations.models import ProviderKey


def api_key_subject(api_key: ApiKey) -> Subject:
    """Return the subject of limits for one API key."""
    return Subject("api_key", str(api_key.pk))


def provider_key_subject(provider_key: ProviderKey) -> Subject:
    """Return the subject of limits for one provider key."""
    return Subject("provider_key", str(provider_key.pk))


def project_subject(project: Project) -> Subject:
    """Return the subject of limits for one project."""
    return Subject("project", str(project.pk))


def member_subject(team: Team, user: User) -> Subject:
    """Return the subject of limits for one person in one team."""
    return Subject("member", f"{team.pk}:{user.pk}")


def own_subject(team: Team, user: User) -> Subject:
    """Return the subject of the limits that a person sets for themself, beside their manager's."""
    return Subject("member", f"{team.pk}:{user.pk}:own")


def team_subject(team: Team) -> Subject:
    """Return the subject of limits for a whole team."""
    return Subject("team", str(team.pk))


def subjects_of(
    *,
    team: Team,
    user: User,
    provider_key: ProviderKey,
    api_key: ApiKey | None = None,
    project: Project | None = None,
) -> list[Subject]:
    """Return what an admission counts against, narrowest first: the one fixed order (P01)."""
    return [
        *([api_key_subject(api_key)] if api_key else []),
        provider_key_subject(provider_key),
        *([project_subject(project)] if project else []),
        own_subject(team, user),
        member_subject(team, user),
        team_subject(team),
    ]
