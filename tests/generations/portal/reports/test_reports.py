"""Reports and receipts: who sees whose figures, and that they are the ledger's."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Project
from generations.models import Film, Generation
from generations.portal.reports.charts import HEIGHT, WIDTH, chart_of
from generations.reports.spending import Figures
from generations.review.corrections import adjust
from tests.factories import SYSTEM, make_api_key, make_generation
from tests.generations.portal.conftest import SignIn

pytestmark = pytest.mark.django_db


def page_of(client: Client, query: str = "") -> str:
    reply = client.get(f"/reports/{query}")
    assert reply.status_code == 200
    return " ".join(reply.content.decode().split())


def csv_of(client: Client, query: str = "") -> str:
    reply = client.get(f"/reports/report.csv{query}")
    assert reply.status_code == 200
    return b"".join(reply).decode()


def test_the_month_so_far_is_shown_with_all_its_figures(alice: Membership, sign_in: SignIn) -> None:
    client = sign_in(alice)
    done = make_generation(alice, "completed")
    make_generation(alice, "failed")
    Generation.objects.filter(pk=done.pk).update(favourite=True)
    reply = client.get("/reports/")
    total = reply.context["report"].total
    assert (total.spent, total.refunded, total.completed, total.failed) == (70, 70, 1, 1)
    page = " ".join(reply.content.decode().split())
    assert "50%" in page
    assert 'class="chart-spent"' in page
    assert "style=" not in page.partition("<main")[2]
    since = timezone.localdate().replace(day=1)
    assert reply.context["filters"].since == since


def test_managers_see_the_team_and_members_themselves_alone(
    alice: Membership, bob: Membership, sign_in: SignIn
) -> None:
    client = sign_in(alice)
    make_generation(alice, "completed")
    make_generation(bob, "completed", duration=4)
    assert client.get("/reports/").context["report"].total.spent == 126
    theirs = sign_in(bob)
    reply = theirs.get("/reports/")
    assert reply.context["report"].total.spent == 56
    assert b"By person" not in reply.content
    # Whatever is asked for: the filter of people is not theirs.
    asked = theirs.get(f"/reports/?member={alice.user.pk}")
    assert asked.context["report"].total.spent == 56
    assert alice.user.email not in csv_of(theirs, f"?member={alice.user.pk}")
    assert alice.user.email in csv_of(client)


def test_filters_narrow_the_report(alice: Membership, bob: Membership, sign_in: SignIn) -> None:
    client = sign_in(alice)
    project = Project.objects.create(team=alice.team, name="Autumn", slug="autumn")
    key = make_api_key(bob).key
    make_generation(alice, "completed", submission={"project": project})
    make_generation(bob, "completed", duration=4, submission={"api_key": key})
    spent = {
        query: client.get(f"/reports/?{query}").context["report"].total.spent
        for query in (
            f"project={project.pk}",
            f"member={bob.user.pk}",
            f"api_key={key.pk}",
            "model=doubao-seedance-1.5-pro",
            "since=2020-01-01&until=2020-01-31",
        )
    }
    assert list(spent.values()) == [70, 56, 56, 126, 0]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=2026-02-02&until=2026-02-01", "until"),
        ("since=2000-01-01&until=2026-02-01", "since"),
        ("since=yesterday", "since"),
        ("model=nonsense", "model"),
        ("project=999999", "project"),
    ],
)
def test_words_stand_beside_a_wrong_filter(
    alice: Membership, sign_in: SignIn, query: str, field: str
) -> None:
    client = sign_in(alice)
    reply = client.get(f"/reports/?{query}")
    assert list(reply.context["form"].errors) == [field]
    assert "report" not in reply.context
    assert client.get(f"/reports/report.csv?{query}").status_code == 400


def test_p32_a_strangers_project_key_or_person_is_no_choice(
    alice: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    client = sign_in(alice)
    project = Project.objects.create(team=charlie.team, name="Theirs", slug="theirs")
    key = make_api_key(charlie).key
    queries = (f"project={project.pk}", f"api_key={key.pk}", f"member={charlie.user.pk}")
    for query in (*queries, "member=987654"):
        assert client.get(f"/reports/?{query}").context["form"].errors


def test_the_csv_has_a_row_and_a_name(alice: Membership, sign_in: SignIn) -> None:
    client = sign_in(alice)
    make_generation(alice, "completed")
    reply = client.get("/reports/report.csv")
    assert reply["Content-Type"].startswith("text/csv")
    assert f"dailies-{alice.team.slug}-" in reply["Content-Disposition"]
    lines = b"".join(reply).decode().splitlines()
    assert len(lines) == 2
    assert alice.user.email in lines[1]


def test_nothing_spent_is_said_and_the_forecast_promises_nothing(
    alice: Membership, sign_in: SignIn
) -> None:
    page = page_of(sign_in(alice))
    assert "No credits were spent in these days." in page
    assert "0 credits so far" in page


def test_viewers_have_nothing_to_report_and_strangers_sign_in(
    viewer: Membership, sign_in: SignIn, client: Client
) -> None:
    assert sign_in(viewer).get("/reports/").status_code == 403
    for path in ("/reports/", "/reports/report.csv"):
        assert client.get(path).status_code == 302


def test_bars_stay_in_the_plane_whatever_the_days_hold() -> None:
    today = timezone.localdate()
    for count, figures in ((1, Figures(spent=7)), (31, Figures(spent=999, lost=500)), (731, None)):
        days = [
            (today + timedelta(days=n), figures or Figures(spent=n - 100, lost=n))
            for n in range(count)
        ]
        chart = chart_of(days)
        for bar in chart.bars:
            assert 0 <= bar.x <= bar.x + bar.width <= WIDTH + 0.1
            assert 0 <= bar.y <= HEIGHT
            assert bar.lost_height <= bar.height <= HEIGHT
        assert sum(bar.spent for bar in chart.bars) == sum(one.spent for _, one in days)
        assert chart.top >= max(bar.spent for bar in chart.bars)
    assert chart.is_weeks
    assert chart_of([(today, Figures())]).is_empty


def test_a_receipt_traces_every_credit(alice: Membership, sign_in: SignIn) -> None:
    client = sign_in(alice)
    generation = make_generation(alice, "completed", prompt="A <i>quiet</i> lake")
    page = receipt_page(client, generation)
    assert "A &lt;i&gt;quiet&lt;/i&gt; lake" in page
    assert "5 s × 14 =" in page
    assert "wallet → held" in page
    assert "held → spent" in page
    assert "Held 70, spent 70, released 0" in page
    assert str(generation.upstream_id) in page
    data = client.get(f"/generations/{generation.id}/receipt.json").json()
    assert (data["id"], data["spent"]) == (str(generation.id), 70)
    film = client.get(f"/generations/{generation.id}/").content.decode()
    assert f"/generations/{generation.id}/receipt/" in film


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("queued", "Queued"),
        ("processing", "Rendering"),
        ("needs_review", "Needs review"),
        ("completed", "Ready"),
        ("failed", "Failed"),
        ("cancelled", "Cancelled"),
    ],
)
def test_every_state_has_a_receipt_that_names_it(
    alice: Membership, sign_in: SignIn, state: str, word: str
) -> None:
    generation = make_generation(alice, state)
    assert f'<p class="soft">{word}. ' in receipt_page(sign_in(alice), generation)


@pytest.mark.parametrize(
    ("state", "word"), [("pending", "Saving"), ("given_up", "Film lost"), ("removed", "Removed")]
)
def test_a_receipt_names_the_state_of_the_film(
    alice: Membership, sign_in: SignIn, state: str, word: str
) -> None:
    generation = make_generation(alice, "completed")
    Film.objects.filter(generation=generation).update(state=state)
    assert f'<p class="soft">{word}. ' in receipt_page(sign_in(alice), generation)


def test_a_receipt_tells_steps_and_entries_in_words(alice: Membership, sign_in: SignIn) -> None:
    generation = make_generation(alice, "completed")
    adjust(generation, spent=False, by=SYSTEM, reason="A test film.", now=timezone.now())
    page = receipt_page(sign_in(alice), generation)
    for word in ("Sending → Rendering", "Rendering → Saving", "Corrected to released"):
        assert word in page
    for word in ("submitting", "processing", "> Settle", "> Adjust"):
        assert word not in page


def receipt_page(client: Client, generation: Generation) -> str:
    """Return the receipt's page in one line."""
    reply = client.get(f"/generations/{generation.id}/receipt/")
    return " ".join(reply.content.decode().split())


def test_p32_a_strangers_receipt_is_404_like_a_random_one(
    alice: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    client = sign_in(alice)
    theirs = make_generation(charlie)
    for one in (theirs.id, "00000000-0000-4000-8000-000000000000", "x"):
        for path in (f"/generations/{one}/receipt/", f"/generations/{one}/receipt.json"):
            assert client.get(path).status_code == 404


def test_a_film_is_starred_and_unstarred(
    bob: Membership, viewer: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    client = sign_in(bob)
    generation = make_generation(bob, "completed")
    path = f"/generations/{generation.id}/favourite/"
    assert client.post(path, {"favourite": "1"}).status_code == 302
    assert Generation.objects.get().favourite
    reply = client.post(path, {}, headers={"HX-Request": "true"})
    assert b'aria-pressed="false"' in reply.content
    assert not Generation.objects.get().favourite
    assert sign_in(viewer).post(path, {"favourite": "1"}).status_code == 403
    assert sign_in(charlie).post(path, {"favourite": "1"}).status_code == 404
