"""What rows are about, in lists: they keep a kind and an id, people read names."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Model, UUIDField
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.models import Membership
from platform_site.admin.shown import clean, link_to_subject, options_of
from platform_site.admin.typed import display
from platform_site.db.subjects import model_of

Subject = tuple[str, str]
_MEMBER = "member"  # what a limit of a person in a team is for: the ids of the team and the person


def names_of_subjects(subjects: Iterable[Subject]) -> dict[Subject, str]:
    """Return a name for each subject (kind and id) that has one, in a query a kind.

    What is gone has none; neither has what is told apart by its id, such as a generation.
    """
    wanted = set(subjects)
    names: dict[Subject, str] = {}
    for kind in {kind for kind, _ in wanted}:
        ids = {key for one, key in wanted if one == kind}
        found = _members(ids) if kind == _MEMBER else _rows(model_of(kind), ids)
        names |= {(kind, key): clean(name) for key, name in found.items()}
    return names


def subject_column(path: str = "", *, label: str) -> Callable[..., Any]:
    """Return a list column or field: a link to what the row is about, with its name.

    `path` leads from the row to what keeps the subject (`window__limit`); lists with
    `SubjectNames` look all names up at once.
    """
    field = f"{path}__subject_id" if path else "subject_id"

    def shown(_self: object, row: Any) -> str | SafeString:
        subject = _subject_of(row, path)
        names = vars(row).get("subject_names")
        if names is None:
            names = vars(row).setdefault("subject_names", names_of_subjects([subject]))
        return link_to_subject(*subject, name=names.get(subject, ""))

    return display(description=label, ordering=field)(shown)


class SubjectNames:
    """Mixed into a model's pages: a list looks up at once what its rows are about."""

    subject_path = ""

    def read_for_rows(self, request: HttpRequest, rows: list[Any]) -> None:
        """Look up the names for the page's rows."""
        super().read_for_rows(request, rows)  # type: ignore[misc]  # a mixin
        names = names_of_subjects(_subject_of(row, self.subject_path) for row in rows)
        for row in rows:
            row.subject_names = names


def _subject_of(row: Any, path: str) -> Subject:
    for part in path.split("__") if path else ():
        row = getattr(row, part)
    return row.subject_kind, row.subject_id


def _members(ids: set[str]) -> dict[str, str]:
    people = {key.partition(":")[2] for key in ids}
    rows = Membership.objects.filter(user__in=[one for one in people if one.isdecimal()])
    names = {f"{row.team_id}:{row.user_id}": row.user.email for row in rows.select_related("user")}
    return {key: name for key, name in names.items() if key in ids}


def _rows(model: type[Model] | None, ids: set[str]) -> dict[str, str]:
    key = options_of(model).pk if model else None
    if model is None or key is None or isinstance(key, UUIDField) or key.is_relation:
        return {}
    numbers = [one for one in ids if one.isdecimal()]
    rows = model._default_manager.select_related().in_bulk(numbers)  # noqa: SLF001
    return {str(pk): str(row) for pk, row in rows.items()}
