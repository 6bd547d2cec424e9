"""The scope of the limits that people set for themselves."""

from collections.abc import Iterator

from accounts.models import Membership, Team, User
from accounts.roles import Permission
from billing.subjects import LimitHolder
from generations.limits.scopes.base import Capped
from generations.limits.scopes.member import MEMBER, MemberScope, people_in_teams


class OwnScope(MemberScope):
    """The same spending under a limit that the person sets, beside what managers allow."""

    slug = "own"
    permission = Permission.SUBMIT
    is_own = True
    title = "Personal limits"
    about = "On top of managers’ limits. Only the person who set one can change it."
    refused = "the limit you set for yourself"
    admin_choice = "One member, as a personal limit"
    argument = ""

    _suffix = ":own"
    _epithet = " (personal limit)"

    @property
    def kind(self) -> str:
        """Return the members' kind: one person's subjects differ by their ids."""
        return MEMBER.kind

    def holder(self, target: Membership) -> LimitHolder:
        """Return the person's own limits."""
        return LimitHolder(target.team, self.subject(target), own_of=target.user_id)

    def find(self, ids: set[str]) -> Iterator[Capped]:
        """Find members too, in the same query: they share the kind."""
        for person in people_in_teams(self.pairs(ids) | MEMBER.pairs(ids)):
            yield self.capped(*person)
            yield MEMBER.capped(*person)

    def label(self, target: Membership, asker: Membership) -> str:
        """Return the person's name, or that it is the asker."""
        return "Yourself" if target.pk == asker.pk else target.user.get_full_name()

    def value(self, target: Membership) -> str:
        """Return the word: a form offers it for oneself alone."""
        return self.slug

    def chosen(self, asker: Membership, number: str) -> Membership:
        """Return the asker."""
        return asker

    def may_cap(self, asker: Membership, target: Membership) -> bool:
        """Return whether it is the asker, who can spend."""
        return target.pk == asker.pk and super().may_cap(asker, target)

    def raised_by(self, team: Team, owner: User | None) -> list[str]:
        """Return the name of whose it is."""
        return [owner.get_full_name()] if owner else []

    def audience(self, capped: Capped) -> list[Permission | User]:
        """Return whose it is: nobody else can raise it."""
        return [capped.owner] if capped.owner else []


OWN = OwnScope()
