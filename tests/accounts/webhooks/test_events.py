"""The registry of webhook events, its table in the documentation and its golden files."""

import json
import re
from dataclasses import fields
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest

from accounts.webhooks.events import (
    EVENTS,
    About,
    ApprovalDecided,
    EndpointTest,
    GenerationInReview,
    GenerationKept,
    TaskEvent,
    WebhookEvent,
    chosen_names,
)
from accounts.webhooks.events_table import DOC, events_table, with_table
from generations.lifecycle import TERMINAL, ReviewReason
from generations.models import Approval
from platform_site.db.subjects import model_of
from tests.support.golden import FOLDER

by_name = pytest.mark.parametrize("name", EVENTS)


def test_f15_the_documentation_has_the_table_of_the_registry() -> None:
    text = DOC.read_text(encoding="utf-8")
    assert events_table() in text
    assert with_table(text) == text, "python -m accounts.webhooks.events_table writes it anew"


def test_f15_a_table_that_parted_from_the_registry_is_noticed_and_mended() -> None:
    text = DOC.read_text(encoding="utf-8")
    parted = text.replace("| `wallet.low` |", "| `wallet.empty` |")
    assert parted != text
    assert with_table(parted) == text


@by_name
def test_f15_each_event_is_what_its_golden_file_says(name: str) -> None:
    body = json.loads((FOLDER / f"webhooks/{name}.json").read_text(encoding="utf-8"))
    assert body["type"] == name
    assert list(body["data"]) == [field.name for field in fields(EVENTS[name])]


def test_f15_no_golden_file_outlives_its_event() -> None:
    names = {path.stem for path in (FOLDER / "webhooks").iterdir()}
    assert names == {*EVENTS, *TaskEvent}


@by_name
def test_f15_what_an_event_is_about_has_a_model(name: str) -> None:
    assert model_of(EVENTS[name].about) is not None


@by_name
def test_f15_each_event_has_words_for_people(name: str) -> None:
    assert re.fullmatch(r"[A-Z][^|]+[^.]", EVENTS[name].words)
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", name)


def test_endpoints_choose_from_all_but_the_test() -> None:
    assert chosen_names() == [name for name in EVENTS if name != EndpointTest.event_name]


@pytest.mark.parametrize(
    ("event", "field", "words"),
    [
        (ApprovalDecided, "decision", set(Approval.Decision) - {Approval.Decision.OPEN}),
        (GenerationInReview, "reason", set(ReviewReason)),
        (GenerationKept, "state", set(TERMINAL)),
    ],
)
def test_f15_the_words_that_a_field_may_have_are_told(
    event: type[WebhookEvent], field: str, words: set[Any]
) -> None:
    hint = get_type_hints(event, include_extras=True)[field]
    assert get_origin(hint) is Annotated
    told = re.findall(r"`(\w+)`", get_args(hint)[1])
    assert set(told) == {str(word) for word in words}


def test_kinds_are_no_more_than_one_name_each() -> None:
    assert len(set(About)) == len(About)
