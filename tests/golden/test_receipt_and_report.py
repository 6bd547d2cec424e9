"""A generation's receipt and the report as CSV, letter by letter."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership, Project, Team
from generations.approvals.service import approve, set_threshold
from generations.lifecycle import State
from generations.limits.service import cap
from generations.models import Generation
from generations.reports.csv import csv_lines
from generations.reports.receipt import receipt_of
from generations.reports.spending import Filters
from generations.review.corrections import adjust
from tests.factories import SYSTEM, make_api_key, make_film, make_generation
from tests.support.golden import assert_golden, shown

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def project(team: Team) -> Project:
    return Project.objects.create(team=team, name="Frühling, 春", slug="spring")


def test_receipt(
    team: Team,
    alice: Membership,
    bob: Membership,
    project: Project,
    noon: time_machine.Traveller,
) -> None:
    cap(project, window="day", credits=500, by=SYSTEM)
    key = make_api_key(bob, label="Nightly").key
    more: dict[str, Any] = {"submission": {"project": project, "api_key": key}, "prompt": "A pier"}
    generation = make_generation(bob, State.COMPLETED, film=False, upstream_id="up-1", **more)
    noon.shift(timedelta(minutes=2))
    generation.film.delete()
    make_film(generation, now=timezone.now())
    noon.shift(timedelta(days=1))
    adjust(generation, spent=False, by=By.member(alice), reason="A test film.", now=timezone.now())
    body = receipt_of(Generation.objects.select_related("hold", "film").get())
    for number, entry in enumerate(body["entries"], 1):
        entry["id"] = number
    body["quote"]["rate"]["id"] = 1
    assert body["requested"]["api_key"] == str(key)
    body["requested"]["api_key"] = "Nightly"
    fixed = {
        str(generation.pk): "170cf4c5-4396-4772-a188-a1e85ee5d1c3",
        str(generation.hold_id): "2b1f2f0e-6a07-4c53-9f0a-5a2f3c1f7a10",
    }
    assert_golden("receipt.json", shown(body, fixed))


def test_receipt_of_an_approved_one(team: Team, alice: Membership, bob: Membership) -> None:
    set_threshold(team=team, above=10, by=SYSTEM)
    generation = make_generation(bob, prompt="A pier")
    approve(generation, by=By.member(alice), now=timezone.now(), reason="Fine")
    receipt = receipt_of(Generation.objects.get())
    assert_golden("receipt_approval.json", shown(receipt["approval"]))


def test_report(alice: Membership, bob: Membership, project: Project) -> None:
    key = make_api_key(bob, label="=Nightly").key
    for member in (alice, bob):
        make_generation(member, State.COMPLETED, now=NOON, submission={"project": project})
    make_generation(bob, State.FAILED, now=NOON, submission={"api_key": key})
    wrong = make_generation(alice, State.COMPLETED, now=NOON)
    adjust(wrong, spent=False, by=SYSTEM, reason="x", now=NOON + timedelta(days=1))
    filters = Filters(since=date(2026, 3, 1), until=date(2026, 3, 31), team=alice.team)
    text = b"".join(csv_lines(filters)).decode("utf-8-sig").replace(str(key), "Nightly")
    assert_golden("report.csv", text)
