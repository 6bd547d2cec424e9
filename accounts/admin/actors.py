"""Who did it, in lists: rows keep ids, people read and search by emails and names."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.people import actors_named, names_of
from platform_site.admin.shown import EMPTY
from platform_site.admin.typed import display


def actor_column(field: str) -> Callable[..., Any]:
    """Return a method for a page or an inline: it shows whom the actor in `field` names.

    Lists look the names up at once; see `ActorNames`.
    """

    def shown(_self: object, row: Any) -> str:
        by: str = getattr(row, field)
        # A page asks for each value several times.
        names = vars(row).get("actor_names") or vars(row).setdefault("actor_names", names_of([by]))
        return names[by] or EMPTY

    return display(description=field.replace("_", " "), ordering=field)(shown)


class ActorNames:
    """Mixed into a model's pages: a list looks its names up at once, and is searched by them."""

    actor_field = "actor"

    def read_for_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """Look up whom the page's rows name."""
        super().read_for_rows(request, rows)  # type: ignore[misc]  # a mixin
        names = names_of(getattr(row, self.actor_field) for row in rows)
        for row in rows:
            row.actor_names = names

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find rows that have each typed word, or whose person has it in their email or name."""
        repeats = False
        for word in search_term.split():
            rows, may_repeat = super().get_search_results(  # type: ignore[misc]  # a mixin
                request, queryset, word
            )
            theirs = queryset.filter(**{f"{self.actor_field}__in": actors_named(word)})
            queryset, repeats = rows | theirs, repeats or may_repeat
        return queryset, repeats
