"""Fields and forms that several pages share."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Manager, Model
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from generations.vendors import has_several_vendors
from platform_site.admin.searched import SearchedSelect
from platform_site.admin.shown import options_of


def one_of(rows: Manager[Any], source: type[Model], name: str) -> "forms.ModelChoiceField[Any]":
    """Return a field that searches `rows` as the foreign key `name` of `source` would."""
    widget = SearchedSelect(options_of(source).get_field(name), admin.site)
    return forms.ModelChoiceField(rows.all(), required=False, widget=widget)


def with_provider_choice(fieldsets: Any) -> list[Any]:
    """Return a page's groups, the vendor in the first where there are several."""
    (name, options), *others = fieldsets
    if has_several_vendors():
        options = {**options, "fields": ("vendor", *options["fields"])}
    return [(name, options), *others]


class ReasonForm(BaseDialogForm):  # type: ignore[misc]  # the theme is untyped
    """Why an administrator decides for others."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextInputWidget,
        help_text="Recorded permanently.",
    )
