"""The catalogue: the vendor's models, as data that an administrator keeps."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from accounts.audit import record
from accounts.models import AuditAction
from accounts.people.acting import by_of
from generations.models import VideoModel
from platform_site.admin.base import SiteAdmin


class VideoModelForm(forms.ModelForm):  # type: ignore[type-arg]
    """A model whose defaults are among its choices."""

    class Meta:
        model = VideoModel
        exclude: tuple[str, ...] = ()  # every column is the administrator's

    def clean(self) -> dict[str, Any]:
        """Refuse defaults that no request could have."""
        typed = super().clean() or {}
        seconds = [typed.get(f"{name}_seconds") for name in ("min", "default", "max")]
        known_seconds = [one for one in seconds if one is not None]
        if known_seconds != sorted(known_seconds):
            self.add_error("default_seconds", "It lies between the shortest and the longest.")
        for choices, chosen in (
            ("resolutions", "default_resolution"),
            ("aspect_ratios", "default_aspect_ratio"),
        ):
            known = typed.get(choices)
            if known is None:
                continue
            if not isinstance(known, list) or not all(isinstance(one, str) for one in known):
                self.add_error(choices, "A list of texts.")
            elif typed.get(chosen) not in known:
                self.add_error(chosen, "It is one of the choices.")
        if not isinstance(typed.get("refused_fields", []), list):
            self.add_error("refused_fields", "A list of texts.")
        if not isinstance(typed.get("sizes", {}), dict):
            self.add_error("sizes", "An object: resolution, ratio, then width and height.")
        return typed


@admin.register(VideoModel)
class VideoModelAdmin(SiteAdmin):
    """Models come and go; one that is switched off takes no new orders."""

    form = VideoModelForm
    list_display = (
        "title",
        "name",
        "active",
        "min_seconds",
        "max_seconds",
        "default_resolution",
        "default_aspect_ratio",
        "max_images",
    )
    list_filter = ("active",)
    search_fields = ("name", "title")
    fieldsets = (
        (None, {"fields": ("name", "title", "active")}),
        ("Length", {"fields": (("min_seconds", "default_seconds", "max_seconds"),)}),
        (
            "Picture",
            {
                "fields": (
                    "resolutions",
                    "default_resolution",
                    "aspect_ratios",
                    "default_aspect_ratio",
                    "frames_per_second",
                    "sizes",
                )
            },
        ),
        ("Inputs", {"fields": ("max_images", "refused_fields")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: VideoModel | None = None) -> bool:
        """Refuse: generations name it; switch it off instead."""
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
