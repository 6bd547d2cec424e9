"""P33: no page, search, filter or error of the admin shows or confirms a secret."""

from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import Team
from generations.models import Film, Generation, ProviderKey, Upload
from platform_site.admin.base import SECRET_FIELDS
from platform_site.admin.shown import bare_url, clean
from tests.factories import make_team
from tests.generations.admin.conftest import SECRET, World
from tests.generations.admin.test_admin_pages import MODELS, by_label, path_of


def test_p33_no_page_of_the_admin_shows_a_secret(browser: Client, world: World) -> None:
    paths = [reverse("admin:index")]
    for model in MODELS:
        row = world.rows[model]
        paths += [path_of(model, "changelist"), f"{path_of(model, 'changelist')}?q=a"]
        paths += [path_of(model, page, row.pk) for page in ("change", "history", "delete")]
    leaks = []
    for path in paths:
        text = browser.get(path).content.decode()
        leaks += [(path, name) for name, secret in world.secrets.items() if secret in text]
    assert leaks == []


@by_label
def test_p33_no_query_string_asks_about_a_secret(
    model: type[Model], browser: Client, world: World
) -> None:
    path = path_of(model, "changelist")
    columns = {field.name for field in model._meta.get_fields()} & SECRET_FIELDS
    for column in columns:
        for lookup in ("", "__startswith", "__regex"):
            assert browser.get(path, {f"{column}{lookup}": "a"}).status_code == 400, column


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        (Generation, "provider_key__secret_token__startswith"),
        (Generation, "film__token__startswith"),
        (Generation, "team__webhook_secret_token__startswith"),
        (Film, "generation__callback_token__startswith"),
        (Film, "file_name__startswith"),
        (Upload, "file_name__startswith"),
        (ProviderKey, "generations__callback_token__startswith"),
        (Generation, "approval__token__startswith"),
        (Generation, "callback_url__contains"),
        (Team, "webhook_endpoints__url__contains"),
    ],
)
def test_p33_no_query_string_asks_about_a_secret_next_door(
    model: type[Model], lookup: str, browser: Client, world: World
) -> None:
    assert browser.get(path_of(model, "changelist"), {lookup: "a"}).status_code == 400


def test_p33_no_search_looks_into_secrets(browser: Client, world: World) -> None:
    for model in MODELS:
        fields = admin.site._registry[model].search_fields
        assert SECRET_FIELDS.isdisjoint(part for name in fields for part in name.split("__"))


def test_p33_a_typed_provider_key_is_nowhere_afterwards(browser: Client, world: World) -> None:
    typed = "sk-live-typed-into-the-form-0815"
    team = make_team("Fresh")
    body = {"team": team.pk, "label": "Ours", "secret": typed}
    answers = [
        browser.post(path_of(ProviderKey, "add"), body, follow=True),
        browser.post(path_of(ProviderKey, "add"), body),  # refused: there is one already
        browser.post(path_of(ProviderKey, "add"), {**body, "team": ""}),
        browser.get(path_of(ProviderKey, "changelist"), {"q": typed[:12]}),
    ]
    key = ProviderKey.objects.get(team=team)
    answers.append(browser.get(path_of(ProviderKey, "history", key.pk)))
    # The list repeats what was searched for; everything else knows nothing.
    for answer in (answers[0], answers[1], answers[2], answers[4]):
        assert typed not in answer.content.decode()
        assert quote(typed) not in answer.content.decode()
    assert not LogEntry.objects.filter(change_message__contains=typed).exists()
    assert typed not in str(LogEntry.objects.values_list("object_repr", flat=True))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key {SECRET}!", "key sk-…4711!"),
        ("http://a/films/abcdefghijklmnopqrstuvwx.mp4", "http://a/films/….mp4"),
        ("/callbacks/abcdefghijklmnopqrstuvwx refused", "/callbacks/… refused"),
        (f"/approvals/{'a1-' * 9}:1vM9yQ:{'b2_' * 9}\nThanks", "/approvals/…\nThanks"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_texts_are_cleaned(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@host.example:8443/a/b?token=1#c", "https://host.example:8443/a/b?…"),
        ("https://host.example/a", "https://host.example/a"),
        ("", "–"),
        ("http://[", "not a URL"),
    ],
)
def test_urls_are_shown_without_what_clients_hide_in_them(url: str, shown: str) -> None:
    assert bare_url(url) == shown
