"""The scope of a person in a team."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import QuerySet

from accounts.models import ApiKey, Membership, Team, User
from accounts.roles import Permission, role_allows
from accounts.selectors import membership_of
from billing.subjects import Subject
from generations.limits.scopes.base import AdminField, Capped, Scope
from generations.models import Generation
from platform_site.errors import InvalidRequest


class MemberScope(Scope[Membership]):
    """What one person spends in one team, however it is submitted."""

    slug = "member"
    target_type = Membership
    title = "Members"
    about = "Spending of one person in this team, in the studio and with API keys."
    refused = "your own limit in this team"
    admin_choice = "One member of a team"
    admin_fields = (
        AdminField("team", Team, via=(ApiKey, "team")),
        AdminField("person", User, via=(ApiKey, "owner")),
    )
    argument = "a member's email address"

    _suffix = ""  # of subjects
    _epithet = ""  # behind names

    def subject(self, target: Membership) -> Subject:
        """Return the person's subject in their team."""
        return self._subject(target.team_id, target.user_id)

    def counts(self, generation: Generation) -> Subject:
        """Return the subject of who submitted it."""
        return self._subject(generation.team_id, generation.user_id)

    def generations(self, target: Membership) -> QuerySet[Generation]:
        """Return what the person submitted in the team."""
        return Generation.objects.filter(team=target.team, user=target.user)

    def find(self, ids: set[str]) -> Iterator[Capped]:
        """Find people in teams in one query, or in three when somebody left."""
        for team, user, membership in people_in_teams(self.pairs(ids)):
            yield self.capped(team, user, membership)

    def seen_by(self, asker: Membership) -> Iterable[Membership]:
        """Return everybody for who manages limits, others for themselves, when they can spend."""
        if not role_allows(asker.role, Permission.SUBMIT):
            return ()
        members = self._of_team(asker.team).order_by("user__name", "user__email")
        manages = role_allows(asker.role, Permission.LIMITS)
        return members if manages else members.filter(pk=asker.pk)

    def label(self, target: Membership, asker: Membership) -> str:
        """Return the person's name."""
        name = target.user.get_full_name()
        return f"{name} (you)" if target.user_id == asker.user_id else name

    def value(self, target: Membership) -> str:
        """Return the slug and the membership's id."""
        return f"{self.slug}:{target.pk}"

    def chosen(self, asker: Membership, number: str) -> Membership | None:
        """Return the membership with this id in the asker's team."""
        if not number.isdecimal():
            return None
        return self._of_team(asker.team).filter(pk=number).first()

    def named(self, team: Team, text: str) -> Iterable[Membership]:
        """Return the member with this address."""
        return Membership.objects.filter(team=team, user__email__iexact=text)

    def from_admin(self, typed: Mapping[str, Any]) -> Membership:
        """Return the person's membership in the team. Raises `InvalidRequest` without one."""
        person, team = typed["person"], typed["team"]
        membership = membership_of(person, team)
        if membership is None:
            raise InvalidRequest(f"{person} is not a member of {team}.", field="person")
        return membership

    def pairs(self, ids: set[str]) -> set[tuple[int, int]]:
        """Return the ids of team and user in the subjects' ids that are of this scope."""
        parts = (
            one.removesuffix(self._suffix).partition(":")
            for one in ids
            if one.endswith(self._suffix)
        )
        return {
            (int(team), int(user))
            for team, _, user in parts
            if team.isdecimal() and user.isdecimal()
        }

    def capped(self, team: Team, user: User, membership: Membership | None) -> Capped:
        """Return what the subject of a person in a team stands for."""
        name = f"{user.get_full_name()}{self._epithet}"
        return Capped(self, self._subject(team.pk, user.pk), team, name, membership, user)

    def _of_team(self, team: Team) -> QuerySet[Membership]:
        return Membership.objects.filter(team=team).select_related("team", "user")

    def _subject(self, team_id: int, user_id: int) -> Subject:
        return Subject(self.kind, f"{team_id}:{user_id}{self._suffix}")


def people_in_teams(
    pairs: set[tuple[int, int]],
) -> Iterator[tuple[Team, User, Membership | None]]:
    """Yield the team and the person of each pair of ids; who left has no membership."""
    if not pairs:
        return
    teams, users = {team for team, _ in pairs}, {user for _, user in pairs}
    left = set(pairs)
    members = Membership.objects.filter(team__in=teams, user__in=users)
    for one in members.select_related("team", "user"):
        left.discard((one.team_id, one.user_id))
        yield one.team, one.user, one
    if left:
        team_of, user_of = Team.objects.in_bulk(teams), User.objects.in_bulk(users)
        for team_id, user_id in left:
            if team_id in team_of and user_id in user_of:
                yield team_of[team_id], user_of[user_id], None


MEMBER = MemberScope()
