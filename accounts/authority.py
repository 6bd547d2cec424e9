"""On whose behalf something happens, and with what rights: carried from the edge to every entry
and event (P35).
"""

from dataclasses import dataclass

from accounts.actors import ActorKind, Person, actor_name
from accounts.models import ApiKey, Membership, User
from accounts.roles import Permission, role_allows, role_refusal
from platform_site.errors import PermissionDenied


@dataclass(frozen=True, slots=True)
class By:
    """A name for the books, the request it came with, and where its rights lie.

    Rows keep `name`, as `accounts.actors` writes and reads it: a person's is their id, which no
    change of address touches. `accounts.people.names` has the words for people.

    A member's rights are those of their role, end at the border of `membership`'s team, and are
    none while their account is disabled. Who `acts_everywhere` is an administrator, a command or
    the site itself. Anybody else may nothing.
    """

    name: str
    request_id: str = ""
    _membership: Membership | None = None
    acts_everywhere: bool = False
    # Whoever acts, by whichever door; None for who is no person.
    user_id: int | None = None

    @classmethod
    def member(
        cls, membership: Membership, *, request_id: str = "", api_key: ApiKey | None = None
    ) -> "By":
        """Return a person with the rights of one membership, at the portal or by an API key."""
        person = Person(membership.user_id, api_key.pk if api_key else None)
        return cls(str(person), request_id, membership, user_id=membership.user_id)

    @classmethod
    def operator(cls, user: User, *, request_id: str = "") -> "By":
        """Return an administrator in the admin, whose pages have checked what they may do."""
        name = str(Person(user.pk, in_admin=True))
        return cls(name, request_id, acts_everywhere=True, user_id=user.pk)

    @classmethod
    def person(cls, user: User, *, request_id: str = "") -> "By":
        """Return a person who acts on their own account, without rights in any team."""
        return cls(str(Person(user.pk)), request_id, user_id=user.pk)

    @classmethod
    def command(cls, command: str) -> "By":
        """Return whoever runs a management command."""
        return cls(actor_name(ActorKind.COMMAND, command), acts_everywhere=True)

    @classmethod
    def system(cls, part: str, *, request_id: str = "") -> "By":
        """Return background work of `part`, such as `sweep` or `submit`."""
        return cls(actor_name(ActorKind.SYSTEM, part), request_id, acts_everywhere=True)

    @classmethod
    def provider(cls, part: str, *, request_id: str = "") -> "By":
        """Return a vendor that came to us of itself, by `part`, such as `callback`; no rights."""
        return cls(actor_name(ActorKind.PROVIDER, part), request_id)

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    @property
    def membership(self) -> Membership:
        """Return whose team and person it is about. Raises `PermissionDenied` for no member."""
        if self._membership is None:
            raise PermissionDenied("Only a team member can do this.")
        return self._membership

    def require(self, permission: Permission, *, team_id: int, refusal: str = "") -> None:
        """Raise `PermissionDenied` unless the actor may do `permission` in that very team.

        Services call it with the team of the row that they are about to change. `refusal` is what
        the person is told in place of the usual words.
        """
        if self.acts_everywhere:
            return
        member = self._membership if self.is_in(team_id) else None
        if member is None or not member.user.is_active or not role_allows(member.role, permission):
            role = member.role if member and member.user.is_active else ""
            raise PermissionDenied(refusal or role_refusal(role, permission))

    def require_over(
        self,
        owner_id: int | None,
        *,
        own: Permission,
        others: Permission,
        team_id: int,
        refusal: str = "",
    ) -> None:
        """Raise as `require` does: `own` is needed for what is one's own, else `others`."""
        needed = own if self.is_person(owner_id) else others
        self.require(needed, team_id=team_id, refusal=refusal)

    def require_everywhere(self) -> None:
        """Raise `PermissionDenied` unless the actor is an administrator, a command or the site."""
        if not self.acts_everywhere:
            raise PermissionDenied

    def is_person(self, user_id: int | None) -> bool:
        """Return whether the actor is the member with this user's id."""
        return self._membership is not None and self._membership.user_id == user_id

    def is_in(self, team_id: int) -> bool:
        """Return whether the rows of that team exist for the actor at all (P32)."""
        return self.acts_everywhere or (
            self._membership is not None and self._membership.team_id == team_id
        )
