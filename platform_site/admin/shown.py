"""How values look in the admin: links to other rows, and texts without what nobody may see."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.db.models import Model
from django.db.models.options import Options
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from platform_site.admin.typed import display
from platform_site.db.subjects import model_of
from platform_site.logs import redact

EMPTY = "–"
# Our unguessable paths; whoever has one needs no key.
_TOKEN_PATH = re.compile(
    r"(/(?:approvals|callbacks|films|uploads)/)[A-Za-z0-9_\-]{16,}(?::[A-Za-z0-9_\-]+)*"
)
_LINK = '<a href="{}" class="text-link" dir="auto">{}</a>'


def clean(text: str) -> str:
    """Return `text` without keys and without the tokens of unguessable links."""
    return _TOKEN_PATH.sub(r"\1…", redact(text))


def clean_json(value: Any) -> SafeString:
    """Return a JSON value in readable lines, cleaned; the values of its URLs lose their queries."""
    if not value:
        return format_html("{}", EMPTY)
    text = json.dumps(_without_queries(value), indent=2, ensure_ascii=False, default=str)
    return format_html('<pre class="whitespace-pre-wrap break-words">{}</pre>', clean(text))


def bare_url(url: str) -> str:
    """Return a URL without user, query and fragment, where clients put their secrets."""
    if not url:
        return EMPTY
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "not a URL"
    query = "?…" if parts.query else ""
    return clean(f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}{query}")


def address(url: str) -> SafeString:
    """Return a URL as `bare_url` does, in lines of some width, broken where they must be."""
    style = "display:inline-block;min-width:14rem;overflow-wrap:anywhere;white-space:normal"
    return format_html('<span style="{}">{}</span>', style, bare_url(url))


def options_of(model: Model | type[Model]) -> "Options[Any]":
    """Return what Django knows of a model: its documented, if underlined, `_meta`."""
    return model._meta  # noqa: SLF001


def link_to(row: Model | None, *, text: str = "") -> str | SafeString:
    """Return the row's name, or `text`, as a link to its page; just that when it has none."""
    if row is None:
        return EMPTY
    meta = options_of(row)
    try:
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return text or str(row)
    return format_html(_LINK, url, text or row)


def linked(name: str, *, label: str = "", order: str = "") -> Callable[..., Any]:
    """Return a list column that links to the row behind the attribute path `name` (`hold__team`).

    The list must select what the path crosses, or it asks once a row.
    """

    last = name.rpartition("__")[2]

    def column(row: Any) -> str | SafeString:
        for part in name.split("__"):
            row = getattr(row, part, None)
        return unbroken(link_to(row))

    column.__name__ = last
    return display(description=label or last.replace("_", " "), ordering=order or name)(column)


def moment(name: str, *, label: str = "") -> Callable[..., Any]:
    """Return a list column that shows the moment `name` to the second, in the site's zone."""

    def column(row: Any) -> str | SafeString:
        return to_the_second(getattr(row, name))

    column.__name__ = name
    return display(description=label or name.replace("_", " "), ordering=name)(column)


def to_the_second(at: datetime | None) -> SafeString:
    """Return a moment in the site's zone, as it sorts."""
    return unbroken(f"{localtime(at):%Y-%m-%d %H:%M:%S}" if at else EMPTY)


def unbroken(text: object) -> SafeString:
    """Return a text that stays on one line, so that a table scrolls instead of stacking words."""
    return format_html('<span class="whitespace-nowrap" dir="auto">{}</span>', text)


def roomy(text: object) -> SafeString:
    """Return a text that keeps some width, so that a table scrolls instead of stacking words."""
    if not str(text):
        return unbroken(EMPTY)
    style = "display:inline-block;min-width:11rem;max-width:26rem;white-space:normal"
    return format_html('<span style="{}" dir="auto">{}</span>', style, text)


def badge(text: str, colour: str) -> SafeString:
    """Return a word in one of the theme's colours: success, info, warning, danger, primary."""
    context = {"text": text, "variant": colour}
    return render_to_string("unfold/helpers/label.html", context)


def badge_of(row: Model, field: str, colours: Mapping[Any, str]) -> SafeString:
    """Return the value of a field with choices as a badge."""
    words: str = getattr(row, f"get_{field}_display")()
    return badge(words, colours.get(getattr(row, field), "default"))


def link_to_subject(kind: str, key: str, *, name: str = "") -> str | SafeString:
    """Return a link to the row of this kind and id, or just its words where there is no page.

    Without a name the text has the first eight characters of the id: enough to tell rows apart.
    """
    model = model_of(kind) if key else None
    if model is None or not admin.site.is_registered(model):
        return f"{kind.replace('_', ' ')} {name or key}".strip() or EMPTY
    meta = options_of(model)
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[key])
    return unbroken(format_html(_LINK, url, f"{meta.verbose_name} {name or key[:8]}"))


def related_lists(row: Model) -> SafeString | str:
    """Return links to the lists of everything that points at `row` and has pages here."""
    links: list[tuple[str, str]] = []
    for relation in options_of(row).related_objects:
        model: Any = relation.related_model
        if relation.one_to_many and admin.site.is_registered(model):
            meta = options_of(model)
            url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
            query = f"{relation.field.name}__id__exact={row.pk}"
            name = relation.field.name.replace("_", " ")
            own = name == options_of(row).model_name or name in {"owner", "user"}
            title = _upper_first(str(meta.verbose_name_plural))
            links.append((f"{url}?{query}", title if own else f"{title} ({name})"))
    links.sort(key=itemgetter(1))
    return format_html_join(" · ", _LINK, links) or EMPTY


def table(headers: Iterable[str], rows: Iterable[Iterable[Any]]) -> SafeString | str:
    """Return a small table for a read-only field, or a dash when it has no rows."""
    body = [
        (format_html_join("", '<td class="py-1.5 pr-6 align-top">{}</td>', ((c,) for c in row)),)
        for row in rows
    ]
    if not body:
        return EMPTY
    head = format_html_join(
        "", '<th class="py-1.5 pr-6 text-left font-semibold">{}</th>', ((h,) for h in headers)
    )
    lines = format_html_join(
        "", '<tr class="border-t border-base-200 dark:border-base-800">{}</tr>', body
    )
    return format_html(
        '<div class="overflow-x-auto"><table class="w-full text-sm">'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
        head,
        lines,
    )


def seconds_ago(seconds: float | None) -> str:
    """Return an age in words: `4 s`, `3 min`, `2 h`, `5 d`."""
    if seconds is None:
        return "never"
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{int(seconds)} s ago"


def _without_queries(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_queries(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_queries(item) for item in value]
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        return bare_url(value)
    return value


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
