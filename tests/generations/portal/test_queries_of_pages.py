"""Each page of the portal asks a bounded number of queries, however much there is to show."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Notice, NoticeKind, WebhookDelivery
from accounts.projects.service import create_project
from accounts.webhooks.endpoints import add_endpoint
from generations.lifecycle import State
from tests.factories import SYSTEM, make_api_key, make_generation, make_member
from tests.support.belongings import Belongings, make_belongings
from tests.support.portal_pages import portal_paths

pytestmark = pytest.mark.django_db

# Beside the page's own: the session, the person, their teams, the wallet, what is new.
MOST = 45
CHEAP: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False}


@pytest.fixture
def theirs(vendor: object) -> Belongings:
    return make_belongings()


@pytest.fixture
def browser(theirs: Belongings) -> Client:
    client = Client()
    client.force_login(theirs.owner.user, backend="accounts.sign_in.backend.EmailBackend")
    return client


def grow(theirs: Belongings) -> None:
    """Add five more of everything that pages list."""
    owner, team = theirs.owner, theirs.owner.team
    for number in range(5):
        other = make_member(team, "member")
        for state in (State.QUEUED, State.PROCESSING, State.NEEDS_REVIEW, State.COMPLETED):
            make_generation(other, state, **CHEAP)
        make_api_key(other)
        create_project(team=team, name=f"Project {number}", by=SYSTEM)
        url = f"https://hooks.example/{number}"
        endpoint = add_endpoint(team=team, url=url, events=["wallet.low"], by=SYSTEM)
        WebhookDelivery.objects.create(
            team=team, endpoint=endpoint, url=url, reference=f"r{number}", event="wallet.low"
        )
        Notice.objects.create(
            team=team,
            user=owner.user,
            kind=NoticeKind.WALLET_LOW,
            title="Low",
            body="Low.",
            dedupe_key=f"n{number}",
            created_at=timezone.now(),
        )


def asked(browser: Client, path: str) -> tuple[int, int]:
    """Return the status of a page and how many queries it took."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        status = browser.get(path).status_code
    return status, len(queries)


def test_each_page_asks_no_more_however_much_there_is(theirs: Belongings, browser: Client) -> None:
    few = {name: asked(browser, path) for name, path in portal_paths(theirs).items()}
    grow(theirs)
    many = {name: asked(browser, path) for name, path in portal_paths(theirs).items()}
    assert {name: status for name, (status, _) in many.items() if status >= 500} == {}
    shown = [name for name, (status, _) in many.items() if status == 200]
    assert len(shown) > 15, "the pages were not shown"
    assert {name: many[name] for name in shown if many[name][1] > MOST} == {}
    grown = {name: (few[name][1], many[name][1]) for name in shown if few[name][0] == 200}
    assert {name: both for name, both in grown.items() if both[1] > both[0] + 2} == {}
