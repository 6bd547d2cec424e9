"""Reads about people and teams, filtered by what the asker may see."""

from django.db.models import F, Q, QuerySet

from accounts.models import (
    ApiKey,
    Membership,
    Notice,
    Project,
    Team,
    User,
    WebhookDelivery,
    WebhookEndpoint,
)
from accounts.roles import Permission, permissions_of, role_allows, role_refusal
from platform_site.errors import InvalidRequest, NotFound, PermissionDenied

_MOST_NAMED = 10  # projects in a refusal


def membership_of(user: User, team: Team) -> Membership | None:
    """Return `user`'s membership in `team`, or None."""
    return Membership.objects.filter(user=user, team=team).select_related("team", "user").first()


def memberships_of(user: User) -> QuerySet[Membership]:
    """Return the memberships of `user`, by team name; of teams of one name, the older first."""
    mine = Membership.objects.filter(user=user).select_related("team", "user")
    return mine.order_by("team__name", "pk")


def team_for(user: User, slug: str | None) -> Membership:
    """Return `user`'s membership in the team `slug`; when `slug` is None, in the team that they
    entered last, or in their first one.

    Raises `NotFound` alike for a team that does not exist and for a stranger's.
    """
    mine = memberships_of(user)
    # PostgreSQL takes no NUL.
    named = mine.filter(team__slug=slug) if slug and slug.isprintable() else mine.none()
    latest_first = mine.order_by(F("last_entered_at").desc(nulls_last=True), "team__name", "pk")
    membership = named.first() if slug else latest_first.first()
    if membership is None:
        raise NotFound("There is no such team, or you are not in it.")
    return membership


def project_for(team: Team, slug: str | None) -> Project | None:
    """Return the team's open project `slug`, or None for no slug. Raises `InvalidRequest`."""
    if not slug:
        return None
    project = Project.objects.filter(team=team, slug=slug, archived_at=None).first()
    if project is None:
        open_ones = Project.objects.filter(team=team, archived_at=None).order_by("slug")
        known = ", ".join(open_ones.values_list("slug", flat=True)[:_MOST_NAMED])
        has = f"It has {known}." if known else "It has none."
        raise InvalidRequest(
            f"There is no project {slug[:60]!r} in your team. {has}", field="project"
        )
    return project


def require(membership: Membership | None, permission: Permission) -> None:
    """Raise `PermissionDenied` unless the membership's role carries `permission`."""
    if membership is None or not role_allows(membership.role, permission):
        raise PermissionDenied(role_refusal(membership.role if membership else "", permission))


def people_who_may(team: Team, permission: Permission) -> list[str]:
    """Return the names of the team's active people who may do `permission`, owners first."""
    return [member.user.get_full_name() for member in members_who_may(team, permission)]


def members_who_may(team: Team, permission: Permission) -> list[Membership]:
    """Return the team's active members who may do `permission`, owners first."""
    members = Membership.objects.filter(team=team, user__is_active=True).select_related("user")
    order = {"owner": 0, "manager": 1}
    allowed = [m for m in members if role_allows(m.role, permission)]
    allowed.sort(key=lambda m: (order.get(m.role, 2), m.user.email))
    return allowed


def api_keys_for(membership: Membership) -> QuerySet[ApiKey]:
    """Return the keys that the member may see: their own, or the team's for who manages it."""
    keys = ApiKey.objects.filter(team=membership.team, deleted_at=None).select_related("owner")
    if role_allows(membership.role, Permission.TEAM_KEYS):
        return keys
    return keys.filter(owner=membership.user)


def notices_for(membership: Membership) -> QuerySet[Notice]:
    """Return what the member is told in this team, newest first: to them, or to who may do it."""
    allowed = [permission.name for permission in permissions_of(membership.role)]
    audience = Q(user=membership.user) | Q(permission__in=allowed)
    return Notice.objects.filter(audience, team=membership.team)


def unread_notices(membership: Membership) -> int:
    """Return how many notices the member has not seen, of those since they joined."""
    return (
        notices_for(membership)
        .filter(pk__gt=membership.notices_read_to, created_at__gte=membership.created_at)
        .count()
    )


def audience_of(notice: Notice) -> list[Membership]:
    """Return the active members whom a notice is for, owners first."""
    if notice.permission:
        return members_who_may(notice.team, Permission[notice.permission])
    members = Membership.objects.filter(team=notice.team, user=notice.user, user__is_active=True)
    return list(members.select_related("team", "user"))


def webhook_endpoints_for(membership: Membership) -> QuerySet[WebhookEndpoint]:
    """Return the team's endpoints, for who manages the team's keys. Raises `PermissionDenied`."""
    require(membership, Permission.TEAM_KEYS)
    return WebhookEndpoint.objects.filter(team=membership.team, removed_at=None)


def webhook_deliveries_for(membership: Membership) -> QuerySet[WebhookDelivery]:
    """Return what the team posted, callbacks of tasks included, newest first.

    For who manages the team's keys. Raises `PermissionDenied`.
    """
    require(membership, Permission.TEAM_KEYS)
    return WebhookDelivery.objects.filter(team=membership.team).select_related("endpoint", "team")
