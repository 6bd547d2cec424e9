"""What spend limits are set for, and credits held."""

from dataclasses import dataclass

from accounts.authority import By
from accounts.models import Team
from accounts.roles import Permission
from platform_site.errors import PermissionDenied


@dataclass(frozen=True, slots=True)
class Subject:
    """What spend limits are set for, or credits held for: an opaque kind and id."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class LimitHolder:
    """A subject with the team that it belongs to, and so who may set its limits.

    Made by whoever knows the subject's row, such as a scope; never from what a request says.
    `own_of` is the id of the person whose own these limits are, beside what managers allow.
    """

    team: Team
    subject: Subject
    own_of: int | None = None

    def require(self, by: By) -> None:
        """Raise `PermissionDenied` unless `by` may set its limits.

        That is who sets limits in its team or, of a person's own ones, that person alone, when
        they can spend there.
        """
        if self.own_of is None:
            by.require(Permission.LIMITS, team_id=self.team.pk)
            return
        if not (by.acts_everywhere or by.is_person(self.own_of)):
            raise PermissionDenied("Only the person a personal limit is for can set it.")
        by.require(Permission.SUBMIT, team_id=self.team.pk)
