"""The catalogue: the vendor's models, as data that an administrator maintains."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from accounts.audit import record
from accounts.models import AuditAction
from accounts.people import by_of
from generations.admin.choosing import with_provider_choice
from generations.catalog import (
    RESERVED_NAMES,
    BadParameters,
    read_parameters,
    readable_parameters_of,
)
from generations.models import VideoModel
from platform_site.admin.base import SiteAdmin
from platform_site.admin.typed import display


class _Indented(json.JSONEncoder):
    """Writes a list of parameters as people edit it: a line each."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "indent": 2})


class VideoModelForm(forms.ModelForm):  # type: ignore[type-arg]
    """A model whose parameters can be read, shown and requested."""

    class Meta:
        model = VideoModel
        exclude: tuple[str, ...] = ()  # every column is the administrator's

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Show the parameters in lines."""
        super().__init__(*args, **kwargs)
        self.fields["parameters"].encoder = _Indented  # type: ignore[attr-defined]

    def clean_parameters(self) -> object:
        """Refuse what no request could be made of, and names of the studio's other fields."""
        specs: object = self.cleaned_data["parameters"]
        try:
            parameters = read_parameters(specs)
        except BadParameters as error:
            raise forms.ValidationError(error.problems) from None
        for name in RESERVED_NAMES.intersection(one.name for one in parameters):
            raise forms.ValidationError(f"“{name}” is already a field of the studio’s form.")
        return specs

    def clean(self) -> dict[str, Any]:
        """Refuse texts and sizes that could not be read, and a field both taken and refused."""
        typed = super().clean() or {}
        refused = typed.get("refused_fields", [])
        if not isinstance(refused, list) or not all(isinstance(one, str) for one in refused):
            self.add_error("refused_fields", "Enter a list of texts.")
        elif "parameters" in typed:
            taken = {name for one in read_parameters(typed["parameters"]) for name in one.names}
            for name in sorted(taken.intersection(refused)):
                self.add_error("refused_fields", f"“{name}” is one of its parameters.")
        if not isinstance(typed.get("sizes", {}), dict):
            self.add_error("sizes", "Enter an object: resolution, ratio, then width and height.")
        return typed


@admin.register(VideoModel)
class VideoModelAdmin(SiteAdmin):
    """Models come and go; an inactive one accepts no new generations."""

    form = VideoModelForm
    list_display = (
        "title",
        "name",
        "active",
        "shown_parameters",
        "max_images",
    )
    list_filter = ("active",)
    search_fields = ("name", "title")
    fieldsets = (
        (None, {"fields": ("name", "title", "active")}),
        ("Inputs", {"fields": ("parameters", "max_images", "refused_fields")}),
        ("Picture", {"fields": ("frames_per_second", "sizes")}),
    )

    @display(description="parameters")
    def shown_parameters(self, model: VideoModel) -> str:
        """Return the names of what it takes; none for a list that must be repaired."""
        return ", ".join(one.name for one in readable_parameters_of(model))

    def get_fieldsets(self, request: HttpRequest, obj: VideoModel | None = None) -> Any:
        """Ask for the vendor where there are several."""
        return with_provider_choice(super().get_fieldsets(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: VideoModel | None = None) -> bool:
        """Refuse: generations name it; deactivate it instead."""
        return False

    def save_model(self, request: HttpRequest, obj: VideoModel, form: Any, change: bool) -> None:
        """Save, and write down who changed what."""
        super().save_model(request, obj, form, change)
        record(
            by=by_of(request),
            action=AuditAction.MODEL_CHANGED if change else AuditAction.MODEL_ADDED,
            subject=obj,
            fields=sorted(form.changed_data),
        )
