"""Every page of the admin answers, in the site's theme, in a bounded number of queries."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from unfold.admin import ModelAdmin

import platform_site.urls  # noqa: F401 (registers the pages)
from tests.generations.admin.conftest import World, grow

OURS = ("platform_site", "accounts", "billing", "generations")
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
by_label = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)


def path_of(model: type[Model], page: str, *args: object) -> str:
    """Return the path of one of a model's pages."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


# The site's own, and what people are still typing, which nobody else reads.
INTERNAL = [
    "platform_site.Lease",
    "platform_site.Version",
    "generations.Draft",
    "generations.LastServed",
]


def test_every_model_of_ours_has_pages_but_what_is_nobodys_to_see() -> None:
    missing = [
        model._meta.label
        for app in OURS
        for model in apps.get_app_config(app).get_models()
        if not admin.site.is_registered(model)
    ]
    assert missing == INTERNAL


@by_label
def test_every_model_wears_the_theme(model: type[Model]) -> None:
    assert isinstance(admin.site._registry[model], ModelAdmin)


@by_label
def test_every_list_answers(model: type[Model], browser: Client, world: World) -> None:
    response = browser.get(path_of(model, "changelist"))
    assert response.status_code == 200
    assert response.context["cl"].result_count >= 1


@by_label
def test_every_list_can_be_searched(model: type[Model], browser: Client, world: World) -> None:
    response = browser.get(path_of(model, "changelist"), {"q": "a1"})
    assert response.status_code == 200


@by_label
def test_every_list_can_be_sorted_by_each_column(
    model: type[Model], browser: Client, world: World
) -> None:
    columns = len(browser.get(path_of(model, "changelist")).context["cl"].list_display)
    for column in range(1, columns):
        response = browser.get(path_of(model, "changelist"), {"o": f"-{column}"})
        assert response.status_code == 200, column


@by_label
def test_every_row_has_a_page(model: type[Model], browser: Client, world: World) -> None:
    response = browser.get(path_of(model, "change", world.rows[model].pk))
    assert response.status_code == 200


@by_label
def test_every_history_answers(model: type[Model], browser: Client, world: World) -> None:
    response = browser.get(path_of(model, "history", world.rows[model].pk))
    assert response.status_code == 200


@by_label
def test_every_filter_answers(model: type[Model], browser: Client, world: World) -> None:
    page = browser.get(path_of(model, "changelist"))
    for spec in page.context["cl"].filter_specs:
        for choice in spec.choices(page.context["cl"]):
            response = browser.get(path_of(model, "changelist") + choice["query_string"])
            assert response.status_code == 200, choice


@pytest.mark.django_db
def test_longer_lists_and_pages_ask_no_more(browser: Client, world: World) -> None:
    before = {path: count_queries(browser, path) for path in all_paths(world)}
    assert max(before.values()) <= 25, before
    grow(world)
    more = {
        path: (before[path], after)
        for path in before
        if (after := count_queries(browser, path)) > before[path]
    }
    assert more == {}


def all_paths(world: World) -> list[str]:
    lists = [path_of(model, "changelist") for model in MODELS]
    rows = [path_of(model, "change", world.rows[model].pk) for model in MODELS]
    return [reverse("admin:index"), *lists, *rows]


def count_queries(browser: Client, path: str) -> int:
    browser.get(path)  # content types and such are remembered from here on
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(path).status_code == 200
    return len(queries)
