"""What people wrote runs in its own direction on every page (F12)."""

from html.parser import HTMLParser

import pytest
from django.test import Client

from accounts.models import Project, User
from generations.approvals.service import approve
from generations.models import Approval, Generation, ProviderKey
from tests.factories import SYSTEM
from tests.support.belongings import Belongings, make_belongings
from tests.support.portal_pages import portal_paths

pytestmark = pytest.mark.django_db

HEBREW = "סרט על הים"
# Their text has no direction of its own, or the browser finds it.
LEAVES = {"title", "option", "bdi"}
VOID = {"area", "br", "hr", "img", "input", "link", "meta", "source", "use"}


class Directions(HTMLParser):
    """Collects Hebrew texts, shown or to be edited, that no element around them has `dir` for."""

    def __init__(self) -> None:
        super().__init__()
        self.around: list[bool] = []
        self.lost: list[str] = []
        self.seen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        directed = given.get("dir") == "auto" or tag in LEAVES
        if tag == "input" and HEBREW in (given.get("value") or ""):
            self.note(directed or given.get("type") == "hidden", f"input {given.get('name')}")
        if tag not in VOID:
            self.around.append(directed or any(self.around[-1:]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Leave out what has no content."""

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self.around.pop()

    def handle_data(self, data: str) -> None:
        if HEBREW in data:
            self.note(self.around[-1], " ".join(data.split()))

    def note(self, directed: bool, text: str) -> None:
        self.seen += 1
        if not directed:
            self.lost.append(text)


@pytest.fixture
def theirs(vendor: object) -> Belongings:
    """One of everything, with every name and text in Hebrew."""
    theirs = make_belongings()
    owner = theirs.owner
    User.objects.filter(pk=owner.user_id).update(name=HEBREW)
    type(owner.team).objects.filter(pk=owner.team_id).update(name=HEBREW)
    Project.objects.update(name=HEBREW)
    ProviderKey.objects.update(label=HEBREW)
    type(theirs.api_key).objects.update(label=HEBREW)
    for generation in Generation.objects.all():
        Generation.objects.filter(pk=generation.pk).update(
            prompt=HEBREW, project=theirs.project, api_key=theirs.api_key
        )
    return theirs


def test_f12_every_text_of_people_has_its_direction(theirs: Belongings) -> None:
    client = Client()
    client.force_login(theirs.owner.user, backend="accounts.sign_in.backend.EmailBackend")
    pages = portal_paths(theirs)
    films = {
        state: f"/generations/{getattr(theirs, state).pk}/"
        for state in ("doubtful", "waiting", "queued", "lost")
    }
    lost, seen = {}, 0
    for name, path in (pages | films).items():
        reply = client.get(path)
        if reply.status_code != 200 or "text/html" not in reply["Content-Type"]:
            continue
        page = Directions()
        page.feed(reply.content.decode())
        seen += page.seen
        if page.lost:
            lost[name] = page.lost
    assert seen > 100, "the pages were not shown"
    assert lost == {}


def test_f12_a_decisions_reason_has_its_direction(theirs: Belongings) -> None:
    client = Client()
    client.force_login(theirs.owner.user, backend="accounts.sign_in.backend.EmailBackend")
    now = Approval.objects.get(generation=theirs.waiting).asked_at
    approve(theirs.waiting, by=SYSTEM, now=now, reason=HEBREW)
    for path in ("/approvals/", "/notices/", f"/generations/{theirs.waiting.pk}/"):
        page = Directions()
        page.feed(client.get(path).content.decode())
        assert page.lost == [], path
