"""Fields that search for a row of another model, and bear whatever is posted in its place."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.db.models import Field, ForeignKey
from django.http import HttpRequest

from platform_site.admin.shown import options_of


class SearchedSelect(AutocompleteSelect):
    """Django's search field; what no row can have as its id is not looked up for its name.

    Django's own asks the database for everything that was posted, so that a form whose field
    refused it could not be shown again.
    """

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        """Return the chosen rows."""
        key = options_of(self.choices.queryset.model).pk
        return super().optgroups(name, [one for one in value if _can_be(key, one)], attr)


class SearchesRows:
    """Mixed into pages and inlines: their `autocomplete_fields` are of the kind above."""

    admin_site: Any

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Return the form's field of a foreign key."""
        if db_field.name in self.get_autocomplete_fields(request):  # type: ignore[attr-defined]
            kwargs.setdefault(
                "widget", SearchedSelect(db_field, self.admin_site, using=kwargs.get("using"))
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


def _can_be(key: "Field[Any, Any]", value: object) -> bool:
    text = str(value)
    try:
        key.clean(text, None)
    except ValidationError:
        return False
    return "\0" not in text
