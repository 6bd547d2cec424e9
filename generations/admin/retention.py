"""How long teams keep their films, and the files that films share."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.admin.actors import ActorNames, actor_column
from accounts.people import by_of
from generations.archive import clear_retention, set_retention
from generations.models import RetentionRule, StoredFile
from platform_site.admin.base import ReadOnlyAdmin
from platform_site.admin.services import ServiceAdmin
from platform_site.admin.shown import EMPTY, link_to, linked, moment
from platform_site.admin.typed import display

_MOST = 20


@admin.register(RetentionRule)
class RetentionRuleAdmin(ActorNames, ServiceAdmin):
    """A team's rule; a team without one keeps its films forever."""

    list_display = (
        "__str__",
        linked("team"),
        "days",
        "keep_favourites",
        "shown_set_by",
        moment("set_at"),
    )
    list_filter = ("keep_favourites",)
    list_select_related = ("team",)
    search_fields = ("team__name", "team__slug", "set_by")
    fields = ("team", "days", "keep_favourites", "shown_set_by", "set_at")

    actor_field = "set_by"
    shown_set_by = actor_column("set_by")

    def get_readonly_fields(self, request: HttpRequest, obj: RetentionRule | None = None) -> Any:
        """Keep a stored rule with its team."""
        return ("team", "shown_set_by", "set_at") if obj else ("shown_set_by", "set_at")

    def save_model(self, request: HttpRequest, obj: RetentionRule, form: Any, change: bool) -> None:
        """Set the rule; it removes nothing in its first days."""
        rule = set_retention(
            team=obj.team,
            days=obj.days,
            keep_favourites=obj.keep_favourites,
            by=by_of(request),
            now=timezone.now(),
        )
        obj.set_by, obj.set_at = rule.set_by, rule.set_at

    def delete_model(self, request: HttpRequest, obj: RetentionRule) -> None:
        """Keep the team's films forever."""
        clear_retention(team=obj.team, by=by_of(request))


@admin.register(StoredFile)
class StoredFileAdmin(ReadOnlyAdmin):
    """One content in the store, and how many films have it."""

    list_display = ("__str__", "uses", moment("created_at"))
    list_filter = (
        ("poster_name", admin.EmptyFieldListFilter),
        ("preview_name", admin.EmptyFieldListFilter),
    )
    search_fields = ("sha256__startswith",)
    date_hierarchy = "created_at"
    fields = (
        *("sha256", "uses", "created_at", "shown_films"),
        *("previews_due_at", "preview_attempts"),
    )
    unsearchable = ("file_name", "last_frame_name", "small_poster_name", "large_poster_name")

    @display(description="films")
    def shown_films(self, stored: StoredFile) -> str | SafeString:
        """Return links to the first films that have it."""
        films = stored.films.select_related("generation")[:_MOST]
        return format_html_join(" · ", "{}", ((link_to(film),) for film in films)) or EMPTY
