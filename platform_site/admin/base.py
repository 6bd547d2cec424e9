"""What every page of the admin has in common: no way to a secret, and history that stays."""

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline

from platform_site.admin.searched import SearchesRows
from platform_site.admin.shown import link_to
from platform_site.admin.typed import display

# Columns that no page shows and no query string may probe: `?token__startswith=a` is a question.
SECRET_FIELDS = frozenset(
    {
        "callback_token",
        "callback_url",
        "digest",
        "fingerprint",
        "password",
        "payload",
        "prefix",
        "secret_token",
        "source_url",
        "token",
        "url",
        "webhook_old_secret_token",
        "webhook_secret_token",
    }
)


class SiteAdmin(SearchesRows, ModelAdmin):  # type: ignore[misc]  # the theme is untyped
    """Base of every model's pages."""

    list_per_page = 50
    list_fullwidth = True
    # Two counts of a large table for one page are one too many.
    show_full_result_count = False
    warn_unsaved_form = True
    # More names that a query string may not probe here, such as a file's name made of a token.
    unsearchable: tuple[str, ...] = ()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse to filter by what may not be seen; Django allows every column of the row."""
        if not (SECRET_FIELDS | set(self.unsearchable)).isdisjoint(lookup.split("__")):
            return False
        return bool(super().lookup_allowed(lookup, value, request))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the list's page; a filter by what no row can hold is answered as any wrong one."""
        try:
            changelist = super().get_changelist_instance(request)
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters from error
        changelist.result_list = list(changelist.result_list)
        self.read_for_rows(request, changelist.result_list)
        return changelist

    def read_for_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """Be extended: look up at once what the columns of a list's page say of its rows."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Return the row, or None, also for an id that no row can have."""
        try:
            return super().get_object(request, object_id, from_field)
        except OverflowError:
            return None

    def has_operate_permission(self, request: HttpRequest, _obj: Any = None) -> bool:
        """Return whether the person may run this model's actions: Django's `change` decides."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")


class ReadOnlyAdmin(SiteAdmin):
    """Pages of rows that only services write: to be seen, never added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False


class SiteInline(SearchesRows, TabularInline):  # type: ignore[misc]  # the theme is untyped
    """Base of every table inside another row's page."""


class ReadOnlyInline(SiteInline):
    """Related rows inside another row's page, to be seen only."""

    extra = 0
    max_num = 0
    can_delete = False
    hide_title = True
    per_page = 50
    tab = True

    @display(description="page")
    def page(self, row: Any) -> str | SafeString:
        """Return a link to the row's own page, for inlines that name this field."""
        return link_to(row, text="Open")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Make no form field of any column, so that columns without one can be shown too."""
        return self.fields

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False
