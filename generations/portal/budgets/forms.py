"""The shapes of the budgets' forms. What the values mean is judged by the services."""

import re
from typing import Any

from django import forms

from accounts.models import Membership, Project
from accounts.projects import MAX_PROJECT_NAME
from billing.ledger import MAX_CREDITS
from billing.windows import Window
from generations.limits import MEMBER, PROJECT, TEAM, LimitChoice
from generations.portal.budgets.reads import choices_of
from platform_site.web.form_words import PlainForm

_USUAL = "50, 80, 100"
_BETWEEN = re.compile(r"[\s,;%]+")


class LimitForm(PlainForm):
    """A spend limit and when to notify people of it; `known` is the limit that it would change."""

    known: int | None = None

    target = forms.ChoiceField(label="For")
    window = forms.ChoiceField(choices=Window.choices, initial=Window.MONTH, label="Renews every")
    credits = forms.IntegerField(
        min_value=0,
        max_value=MAX_CREDITS,
        label="Credits",
        widget=forms.NumberInput(attrs={"autocomplete": "off"}),
    )
    alert_at = forms.CharField(
        required=False,
        max_length=60,
        initial=_USUAL,
        label="Notify at",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text="Percent of the limit, held plus spent. Leave empty for none.",
    )

    def __init__(self, choices: list[LimitChoice], *args: Any, **kwargs: Any) -> None:
        """Offer the choices that the person may cap."""
        super().__init__(*args, **kwargs)
        target = self.fields["target"]
        if isinstance(target, forms.ChoiceField):
            target.choices = choices_of(choices)

    def clean_alert_at(self) -> list[int]:
        """Read the percents; which of them are allowed is the service's to say."""
        words = [one for one in _BETWEEN.split(self.cleaned_data["alert_at"]) if one]
        if not all(word.isascii() and word.isdecimal() for word in words):
            raise forms.ValidationError(
                "Enter whole percentages from 1 to 100, such as 50, 80, 100."
            )
        return [int(word) for word in words]


class LowMarkForm(PlainForm):
    """Below how many available credits the wallet is low."""

    low_at = forms.IntegerField(
        min_value=0,
        max_value=MAX_CREDITS,
        label="Alert when below",
        help_text="Managers are notified once per drop. 0 turns this off.",
    )


class ThresholdForm(PlainForm):
    """Above how many credits a film needs approval, and whose."""

    scope = forms.ChoiceField(label="For")
    above = forms.IntegerField(
        min_value=0,
        max_value=MAX_CREDITS,
        label="Needs approval above",
        help_text="Credits per film. 0 means every film.",
    )

    def __init__(self, membership: Membership, *args: Any, **kwargs: Any) -> None:
        """Offer the team, its projects and its people."""
        super().__init__(*args, **kwargs)
        people = Membership.objects.filter(team=membership.team).select_related("user")
        projects = Project.objects.filter(team=membership.team, archived_at=None)
        scope = self.fields["scope"]
        if isinstance(scope, forms.ChoiceField):
            scope.choices = [
                (TEAM.value(membership.team), f"Everyone in {membership.team.name}"),
                ("Projects", [(PROJECT.value(one), one.name) for one in projects]),
                ("People", [(MEMBER.value(one), one.user.get_full_name()) for one in people]),
            ]


class ProjectForm(PlainForm):
    """A project's name."""

    name = forms.CharField(
        max_length=MAX_PROJECT_NAME,
        label="Name",
        widget=forms.TextInput(
            attrs={"placeholder": "Autumn campaign", "autocomplete": "off", "dir": "auto"}
        ),
    )
