"""The report's filters: what a person typed or chose, and what they may ask for."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.utils import timezone

from accounts.models import ApiKey, Membership, Project, User
from accounts.roles import Permission, role_allows
from generations.models import VideoModel
from generations.portal.form_errors import show_error
from generations.reports import Filters, this_month
from platform_site.errors import InvalidRequest
from platform_site.web.form_words import PlainForm


def sees_team(membership: Membership) -> bool:
    """Return whether the person sees everybody's spending: who sets limits must."""
    return role_allows(membership.role, Permission.LIMITS)


class ReportForm(PlainForm):
    """Days and filters; empty means the month so far, and everything."""

    since = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}))
    # A stranger's row is no choice, like a random one (P32).
    project = forms.ModelChoiceField(
        Project.objects.none(), required=False, empty_label="All projects"
    )
    member = forms.ModelChoiceField(
        User.objects.none(), required=False, label="Person", empty_label="Everyone"
    )
    api_key = forms.ModelChoiceField(
        ApiKey.objects.none(), required=False, label="API key", empty_label="Studio and API keys"
    )
    model = forms.ChoiceField(required=False, label="Model")

    def __init__(self, membership: Membership, asked: Mapping[str, str]) -> None:
        """Fill in the month so far, and offer what the person may filter by."""
        start, today = _month_so_far()
        given = {name: value for name, value in asked.items() if value}
        super().__init__({"since": start.isoformat(), "until": today.isoformat()} | given)
        self.membership = membership
        team = membership.team
        keys = ApiKey.objects.filter(team=team)
        if sees_team(membership):
            people = User.objects.filter(generations__team=team) | User.objects.filter(
                memberships__team=team
            )
            self._offer("member", people.distinct().order_by("name", "email"))
        else:
            del self.fields["member"]
            keys = keys.filter(owner=membership.user)
        self._offer("project", Project.objects.filter(team=team))
        self._offer("api_key", keys)
        names = VideoModel.objects.values_list("name", "title")
        model = self.fields["model"]
        if isinstance(model, forms.ChoiceField):
            model.choices = [("", "All models"), *names]

    def filters(self) -> Filters | None:
        """Return what to report on; None when something is wrong, which the fields then say."""
        if not self.is_valid():
            return None
        data, membership = self.cleaned_data, self.membership
        try:
            return Filters(
                since=data["since"],
                until=data["until"],
                team=membership.team,
                project=data["project"],
                member=data["member"] if sees_team(membership) else membership.user,
                api_key=data["api_key"],
                model=data["model"],
            )
        except InvalidRequest as error:
            show_error(self, error)
            return None

    def _offer(self, name: str, rows: Any) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = rows


def _month_so_far() -> tuple[date, date]:
    now = timezone.now()
    return this_month(now=now)[0], timezone.localdate(now, timezone.get_default_timezone())
