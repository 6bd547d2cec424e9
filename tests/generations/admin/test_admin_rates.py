"""A price is announced once it was seen whom it touches."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership, User
from billing.models import Rate
from generations.approvals.service import set_threshold
from generations.lifecycle import State
from generations.models import Generation, ProviderKey
from tests.factories import SYSTEM, fund, make_generation, make_user
from tests.generations.admin.steps import assert_recorded
from tests.generations.admin.test_admin_pages import path_of

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@pytest.fixture
def generation(alice: Membership, provider_key: ProviderKey) -> Generation:
    """A film of 5 s that cost 70 credits."""
    return make_generation(alice, State.COMPLETED)


def typed(generation: Generation, **more: Any) -> dict[str, Any]:
    at = timezone.now() + timedelta(days=1)
    body = {
        "model": generation.model,
        "resolution": generation.resolution,
        "credits_per_second": "20",
        "effective_from_0": f"{at:%Y-%m-%d}",
        "effective_from_1": f"{at:%H:%M:%S}",
        **({"audio": "on"} if generation.generate_audio else {}),
    }
    return body | more


def test_a_price_is_shown_before_it_is_announced(
    browser: Client, root: User, alice: Membership, generation: Generation
) -> None:
    count = Rate.objects.count()
    set_threshold(team=alice.team, above=0, by=SYSTEM)
    waiting = make_generation(alice)
    page = browser.post(path_of(Rate, "add"), typed(generation))
    assert page.status_code == 200
    assert Rate.objects.count() == count, "looking announced it"
    text = " ".join(page.content.decode().split())
    films, new = generation.duration, generation.duration * 20
    assert f"1 film, {films} s in total, cost {generation.credits} credits." in text
    assert (
        f'<strong class="text-important">{new}</strong>, {new - generation.credits} more.' in text
    )
    assert alice.team.name in text
    assert alice.user.get_full_name() in text
    assert "1 waiting now; they keep their price" in text
    assert path_of(Generation, "change", waiting.pk) in text

    hidden = dict(HIDDEN.findall(page.content.decode()))
    assert hidden["_confirmed"] == "1"
    assert browser.post(path_of(Rate, "add"), hidden).status_code == 302
    rate = Rate.objects.latest("pk")
    assert (rate.model, rate.resolution) == (generation.model, generation.resolution)
    assert (rate.audio, rate.credits_per_second) == (generation.generate_audio, 20)
    assert_recorded("rate.scheduled", root, subject_kind="rate", subject_id=str(rate.pk))


def test_a_silent_price_stays_silent_through_the_preview(
    browser: Client, root: User, generation: Generation
) -> None:
    body = typed(generation)
    body.pop("audio", None)
    page = browser.post(path_of(Rate, "add"), body)
    browser.post(path_of(Rate, "add"), dict(HIDDEN.findall(page.content.decode())))
    assert Rate.objects.latest("pk").audio is False


def test_a_previewed_price_can_be_changed_without_typing_it_again(
    browser: Client, generation: Generation
) -> None:
    page = browser.post(path_of(Rate, "add"), typed(generation))
    form = browser.get(page.context["again"]).context["adminform"].form
    assert form["model"].value() == generation.model
    assert form["credits_per_second"].value() == "20"
    assert form["effective_from"].value() > timezone.now()
    assert bool(form["audio"].value()) == generation.generate_audio


def test_what_is_no_price_gets_no_preview(browser: Client, generation: Generation) -> None:
    page = browser.post(path_of(Rate, "add"), typed(generation, credits_per_second="-1"))
    assert "credits_per_second" in page.context["adminform"].form.errors


def test_a_preview_is_for_those_who_may_announce(client: Client, generation: Generation) -> None:
    reader = make_user("reader@example.com", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_rate"))
    client.force_login(reader)
    assert client.post(path_of(Rate, "add"), typed(generation)).status_code == 403


def test_a_preview_asks_as_often_for_many_films(
    browser: Client, alice: Membership, generation: Generation
) -> None:
    fund(alice.team, 10_000)
    counts = []
    for _ in range(2):
        make_generation(alice, State.COMPLETED)
        with CaptureQueriesContext(connection) as asked:
            browser.post(path_of(Rate, "add"), typed(generation))
        counts.append(len(asked))
    assert counts[0] == counts[1]
