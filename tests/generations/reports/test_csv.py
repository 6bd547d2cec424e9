"""The report as CSV: sums that match, and nothing that a spreadsheet would run."""

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, Project, Team
from generations.lifecycle import State
from generations.reports.csv import HEADER, csv_lines, safe_cell
from generations.reports.spending import Filters, report_of
from generations.review.corrections import adjust
from tests.factories import SYSTEM, make_api_key, make_generation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def march(team: Team) -> Filters:
    return Filters(since=date(2026, 3, 1), until=date(2026, 3, 31), team=team)


def read(filters: Filters) -> list[dict[str, str]]:
    text = b"".join(csv_lines(filters)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_f12_nothing_is_a_header_that_says_how_it_is_encoded(team: Team) -> None:
    header = (
        b"\xef\xbb\xbfday,team,member,project,api_key,model,resolution,mode,"
        b"spent,refunded,lost,completed,failed,cancelled,keepers\r\n"
    )
    assert list(csv_lines(march(team))) == [header]


def test_its_columns_sum_to_the_report(alice: Membership, bob: Membership) -> None:
    project = Project.objects.create(team=alice.team, name="Frühling, 春", slug="spring")
    key = make_api_key(bob, label="Nightly").key
    for member in (alice, bob):
        make_generation(member, State.COMPLETED, now=NOON, submission={"project": project})
    make_generation(bob, State.FAILED, now=NOON, submission={"api_key": key})
    wrong = make_generation(alice, State.COMPLETED, now=NOON)
    adjust(wrong, spent=False, by=SYSTEM, reason="x", now=NOON + timedelta(days=1))
    rows = read(march(alice.team))
    total = report_of(march(alice.team)).total
    for name in ("spent", "refunded", "lost", "completed", "failed", "cancelled", "keepers"):
        assert sum(int(row[name]) for row in rows) == getattr(total, name)
    assert "-70" in {row["spent"] for row in rows}  # a number, not a text with an apostrophe
    assert {row["project"] for row in rows} == {"Frühling, 春", ""}
    assert [row["day"] for row in rows] == sorted(row["day"] for row in rows)
    assert list(rows[0]) == HEADER


@pytest.mark.parametrize(
    "name",
    [
        '=HYPERLINK("http://evil.example","x")',
        "+1+1",
        "-2+3",
        "@SUM(A1)",
        "\t=1+1",
        "\r=1+1",
        "  =1+1",
        "＝1+1",
    ],
)
def test_names_are_never_formulas(alice: Membership, name: str) -> None:
    project = Project.objects.create(team=alice.team, name=name, slug="x")
    key = make_api_key(alice).key
    type(key).objects.filter(pk=key.pk).update(label=name)
    make_generation(
        alice, State.COMPLETED, now=NOON, submission={"project": project, "api_key": key}
    )
    (row,) = read(march(alice.team))
    assert row["project"] == f"'{name}"
    assert row["api_key"].startswith("'")


def test_quotes_commas_and_lines_stay_in_their_cell(alice: Membership) -> None:
    project = Project.objects.create(team=alice.team, name='a,"b"\nc;d', slug="x")
    make_generation(alice, State.COMPLETED, now=NOON, submission={"project": project})
    (row,) = read(march(alice.team))
    assert row["project"] == 'a,"b"\nc;d'
    assert row["spent"] == "70"


def test_ordinary_words_stay_as_they_are() -> None:
    for text in ("", "Launch", "a=b", "1-2", "O'Neil", "…", "Ünal"):
        assert safe_cell(text) == text
    assert safe_cell("a\0b") == "ab"


def test_names_are_asked_for_a_chunk_and_not_a_row(
    alice: Membership, bob: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(4):
        for member in (alice, bob):
            make_generation(member, State.COMPLETED, now=NOON + timedelta(days=day))
    monkeypatch.setattr("generations.reports.spending._CHUNK", 3)
    with CaptureQueriesContext(connection) as queries:
        assert len(read(march(alice.team))) == 8
    assert len(queries) <= 3  # the figures, teams, people: each name once
