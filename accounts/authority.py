"""On whose behalf something happens, and with what rights: carried from the edge to every entry
and event (P35).
"""

from dataclasses import dataclass

from accounts.models import ApiKey, Membership, User
from accounts.roles import Permission
from accounts.selectors import require_in
from platform_site.errors import PermissionDenied

IN_THE_ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class By:
    """A name for the books, the request it came with, and where its rights lie.

    Rows keep `name`. A person's is their id, which no change of address touches: `user:17`, with
    the door they came through where it is not the portal: `user:17/api_key:5`, `user:17/admin`.
    Others are `system:sweep`, `command:grant`, `vendor:callback`. `accounts.people.names` has the
    words for people.

    A member's rights are those of their role, and end at the border of `membership`'s team. Who
    `acts_everywhere` is an administrator, a command or the site itself. Anybody else may nothing.
    """

    name: str
    request_id: str = ""
    membership: Membership | None = None
    acts_everywhere: bool = False

    @classmethod
    def member(
        cls, membership: Membership, *, request_id: str = "", api_key: ApiKey | None = None
    ) -> "By":
        """Return a person with the rights of one membership, at the portal or by an API key."""
        door = f"/api_key:{api_key.pk}" if api_key else ""
        return cls(f"user:{membership.user_id}{door}", request_id, membership)

    @classmethod
    def operator(cls, user: User, *, request_id: str = "") -> "By":
        """Return an administrator in the admin, whose pages have checked what they may do."""
        return cls(f"user:{user.pk}/{IN_THE_ADMIN}", request_id, acts_everywhere=True)

    @classmethod
    def person(cls, user: User, *, request_id: str = "") -> "By":
        """Return a person who acts on their own account, without rights in any team."""
        return cls(f"user:{user.pk}", request_id)

    @classmethod
    def command(cls, command: str) -> "By":
        """Return whoever runs a management command."""
        return cls(f"command:{command}", acts_everywhere=True)

    @classmethod
    def system(cls, part: str, *, request_id: str = "") -> "By":
        """Return background work of `part`, such as `sweep` or `submit`."""
        return cls(f"system:{part}", request_id, acts_everywhere=True)

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    def require(self, permission: Permission, *, team_id: int) -> None:
        """Raise `PermissionDenied` unless the actor may do `permission` in that very team.

        Services call it with the team of the row that they are about to change.
        """
        if not self.acts_everywhere:
            require_in(team_id, self.membership, permission)

    def require_over(
        self, owner_id: int | None, *, own: Permission, others: Permission, team_id: int
    ) -> None:
        """Raise as `require` does: `own` is needed for what is one's own, else `others`."""
        self.require(own if self.is_person(owner_id) else others, team_id=team_id)

    def require_everywhere(self) -> None:
        """Raise `PermissionDenied` unless the actor is an administrator, a command or the site."""
        if not self.acts_everywhere:
            raise PermissionDenied

    def is_person(self, user_id: int | None) -> bool:
        """Return whether the actor is the member with this user's id."""
        return self.membership is not None and self.membership.user_id == user_id
