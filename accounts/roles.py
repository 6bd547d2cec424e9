"""Who may do what: the one table that portal, API and admin ask."""

from django.db import models


class Role(models.TextChoices):
    """A person's standing in one team."""

    OWNER = "owner", "Owner"
    MANAGER = "manager", "Manager"
    MEMBER = "member", "Member"
    VIEWER = "viewer", "Viewer"


class Permission(models.TextChoices):
    """Something a role may do in its team; people read the label after “you can” and
    after “permission to”."""

    VIEW = "VIEW", "view films and the balance"
    SUBMIT = "SUBMIT", "create films"
    OWN_KEYS = "OWN_KEYS", "use your own keys"
    TEAM_KEYS = "TEAM_KEYS", "manage all API keys and the team key"
    LIMITS = "LIMITS", "set spend limits"
    APPROVE = "APPROVE", "approve and deny films"
    FILMS = "FILMS", "set how long films are kept"
    MEMBERS = "MEMBERS", "let managers approve their own films"


_VIEWER = frozenset({Permission.VIEW})
_MEMBER = _VIEWER | {Permission.SUBMIT, Permission.OWN_KEYS}
_MANAGER = _MEMBER | {
    Permission.TEAM_KEYS,
    Permission.LIMITS,
    Permission.APPROVE,
    Permission.FILMS,
}
_OWNER = _MANAGER | {Permission.MEMBERS}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.MEMBER: _MEMBER,
    Role.MANAGER: _MANAGER,
    Role.OWNER: _OWNER,
}


def permissions_of(role: str) -> frozenset[Permission]:
    """Return what `role` may do; an unknown role may do nothing."""
    return PERMISSIONS[Role(role)] if role in Role.values else frozenset()


def role_allows(role: str, permission: Permission) -> bool:
    """Return whether `role` carries `permission`; an unknown role carries none."""
    return permission in permissions_of(role)


def role_refusal(role: str, permission: Permission) -> str:
    """Return what a person is told whose `role` lacks `permission`, whatever they were about to do.

    `role` is "" for who has none that counts. Roles are changed in the admin alone.
    """
    named = f"Your role, {role}, does not" if role in Role.values else "Your role does not"
    return (
        f"{named} allow this. It takes permission to {permission.label}. "
        "An administrator can change your role."
    )
