"""The page of budgets: whose limits one sees, who may change them, and what each change does."""

from typing import Any

import pytest
from django.test import Client

from accounts.authority import By
from accounts.models import AuditEvent, Membership, Project
from accounts.projects.service import create_project
from billing.models import Account, SpendLimit
from billing.selectors import limits_of, limits_over, use_of, uses_of
from generations.limits.scopes.member import MEMBER
from generations.limits.scopes.own import OWN
from generations.limits.scopes.team import TEAM
from generations.limits.service import cap, cap_own
from generations.models import ApprovalThreshold, ProviderKey
from tests.factories import SYSTEM, make_api_key, make_generation, make_provider_key
from tests.generations.portal.conftest import SignIn

pytestmark = pytest.mark.django_db


def page_of(client: Client) -> str:
    reply = client.get("/budgets/")
    assert reply.status_code == 200
    return " ".join(reply.content.decode().split())


def limit(client: Client, target: str, credits: str = "200", **more: str) -> Any:
    form = {"target": target, "window": "day", "credits": credits, "alert_at": "50, 90"}
    return client.post("/budgets/limits/", form | more)


def caps(membership: Membership) -> list[tuple[str, str, int, list[int]]]:
    scopes = (OWN.subject(membership), MEMBER.subject(membership))
    return [
        (one.subject_id.split(":")[-1], one.window, one.credits, one.alert_at)
        for one in limits_over([*scopes, TEAM.subject(membership.team)])
    ]


def test_what_is_spent_and_held_stands_apart_with_when_it_resets(
    alice: Membership, sign_in: SignIn
) -> None:
    client = sign_in(alice)
    cap(alice.team, window="day", credits=400, by=SYSTEM)
    make_generation(alice, "completed")
    make_generation(alice)
    page = page_of(client)
    assert "140 of 400" in page
    assert "70 spent" in page
    assert "+ 70 held" in page
    assert "260 left" in page
    assert "00:00 UTC" in page
    assert "860</b> credits available" in page


def test_a_limit_is_set_changed_and_lifted_by_a_manager(
    manager: Membership, bob: Membership, sign_in: SignIn
) -> None:
    client = sign_in(manager)
    target = f"member:{bob.pk}"
    assert limit(client, target).status_code == 302
    assert caps(bob) == [(str(bob.user.pk), "day", 200, [50, 90])]
    limit(client, target, "300", alert_at="")
    assert caps(bob) == [(str(bob.user.pk), "day", 300, [])]
    assert "Change" in page_of(client)
    client.post("/budgets/limits/lift/", {"target": target, "window": "day"})
    assert caps(bob) == []
    events = AuditEvent.objects.filter(actor=f"user:{manager.user_id}", action="spend_limit.set")
    assert [one.data["credits"] for one in events.order_by("pk")] == [200, 300, None]


def test_every_kind_of_thing_can_be_capped(
    manager: Membership, provider_key: ProviderKey, sign_in: SignIn
) -> None:
    project = create_project(team=manager.team, name="Autumn", by=SYSTEM)
    key = make_api_key(manager).key
    client = sign_in(manager)
    targets = ("team", f"project:{project.pk}", f"api_key:{key.pk}")
    for target in (*targets, f"provider_key:{provider_key.pk}"):
        assert limit(client, target).status_code == 302
    kinds = SpendLimit.objects.order_by("pk").values_list("subject_kind", flat=True)
    assert list(kinds) == ["team", "project", "api_key", "provider_key"]
    page = page_of(client)
    for title in ("The team", "Projects", "API keys", "Provider keys"):
        assert f"<h3>{title}</h3>" in page


def test_a_member_caps_themself_and_nobody_else(
    alice: Membership, bob: Membership, sign_in: SignIn
) -> None:
    client = sign_in(bob)
    assert limit(client, "own", "50").status_code == 302
    assert caps(bob) == [("own", "day", 50, [50, 90])]
    for target in ("team", f"member:{alice.pk}"):
        limit(client, target)
        client.post("/budgets/limits/lift/", {"target": target, "window": "day"})
    assert caps(bob) == [("own", "day", 50, [50, 90])]
    client.post("/budgets/limits/lift/", {"target": "own", "window": "day"})
    assert caps(bob) == []


def test_a_member_does_not_lift_what_a_manager_set(bob: Membership, sign_in: SignIn) -> None:
    cap(bob, window="day", credits=10, by=SYSTEM)
    # To a member this means the limit beside the manager's, which there is not.
    sign_in(bob).post("/budgets/limits/lift/", {"target": f"member:{bob.pk}", "window": "day"})
    assert len(caps(bob)) == 1


def test_p32_a_strangers_thing_is_no_choice_like_a_random_one(
    manager: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    client = sign_in(manager)
    key = make_api_key(charlie).key
    other = make_provider_key(charlie.team, charlie.user)
    project = create_project(team=charlie.team, name="Theirs", by=SYSTEM)
    targets = [f"member:{charlie.pk}", f"api_key:{key.pk}", f"provider_key:{other.pk}"]
    answers = set()
    for target in (*targets, f"project:{project.pk}", "api_key:987654", "nonsense"):
        reply = limit(client, target)
        answers.add((reply.status_code, "Choose one of the options." in reply.content.decode()))
        lifted = client.post("/budgets/limits/lift/", {"target": target, "window": "day"})
        assert lifted.status_code == 404
    assert answers == {(200, True)}
    assert SpendLimit.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"credits": "-1"}, "credits"),
        ({"credits": ""}, "credits"),
        ({"credits": str(10**13)}, "credits"),
        ({"window": "year"}, "window"),
        ({"alert_at": "0"}, "alert_at"),
        ({"alert_at": "half"}, "alert_at"),
    ],
)
def test_words_stand_beside_the_wrong_field_and_nothing_changes(
    manager: Membership, sign_in: SignIn, changes: dict[str, str], field: str
) -> None:
    cap(manager.team, window="day", credits=900, by=SYSTEM)
    reply = limit(sign_in(manager), "team", **changes)
    assert list(reply.context["limit_form"].errors) == [field]
    assert [one.credits for one in SpendLimit.objects.all()] == [900]
    if field != "window":
        assert reply.context["limit_form"].known == SpendLimit.objects.get().pk


def test_managers_see_everybodys_limits_members_their_own_and_viewers_the_teams(
    alice: Membership, bob: Membership, viewer: Membership, sign_in: SignIn
) -> None:
    cap(alice, window="hour", credits=111, by=SYSTEM)
    cap_own(bob, window="day", credits=222, by=By.member(bob))
    cap(alice.team, window="month", credits=333, by=SYSTEM)
    seen = {
        who: [credits for credits in ("of 111", "of 222", "of 333") if credits in page_of(client)]
        for who, client in (
            ("alice", sign_in(alice)),
            ("bob", sign_in(bob)),
            ("viewer", sign_in(viewer)),
        )
    }
    assert seen == {
        "alice": ["of 111", "of 222", "of 333"],
        "bob": ["of 222", "of 333"],
        "viewer": ["of 333"],
    }


def test_only_managers_see_forms_and_others_are_refused(
    bob: Membership, viewer: Membership, sign_in: SignIn
) -> None:
    project = Project.objects.create(team=bob.team, name="Autumn", slug="autumn")
    for member in (bob, viewer):
        client = sign_in(member)
        page = page_of(client)
        assert "New rule" not in page
        assert "New project" not in page
        for path in ("/budgets/wallet/", "/budgets/approvals/", "/projects/"):
            assert client.post(path, {}).status_code == 403
        for path in (f"/projects/{project.slug}/", f"/projects/{project.slug}/switch/"):
            assert client.post(path, {"name": "x"}).status_code == 403
    assert limit(sign_in(viewer), "own").status_code == 403


def test_the_low_mark_is_set(manager: Membership, bob: Membership, sign_in: SignIn) -> None:
    client = sign_in(manager)
    client.post("/budgets/wallet/", {"low_at": "2500"})
    assert Account.objects.get(team=manager.team, kind="wallet").low_at == 2500
    assert "Low</span>" in page_of(client)
    assert "fewer than 2,500 credits are available" in page_of(sign_in(bob))
    reply = client.post("/budgets/wallet/", {"low_at": "-5"})
    assert reply.context["low_form"].errors


def test_rules_are_set_and_removed(manager: Membership, bob: Membership, sign_in: SignIn) -> None:
    client = sign_in(manager)
    project = create_project(team=manager.team, name="Autumn", by=SYSTEM)
    scopes = ("team", f"member:{bob.pk}", f"project:{project.pk}")
    for number, scope in enumerate(scopes):
        client.post("/budgets/approvals/", {"scope": scope, "above": number * 100})
    page = page_of(client)
    assert "needs approval for every film" in page
    assert "needs approval above 100 credits" in page
    assert "needs approval above 200 credits" in page
    assert ApprovalThreshold.objects.count() == 3
    assert "above 100" in page_of(sign_in(bob))
    for scope in scopes:
        client.post("/budgets/approvals/", {"scope": scope, "remove": "1"})
    assert ApprovalThreshold.objects.count() == 0
    reply = client.post("/budgets/approvals/", {"scope": "team", "above": ""})
    assert list(reply.context["threshold_form"].errors) == ["above"]


def test_p32_rules_are_not_set_for_strangers(
    manager: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    sign_in(manager).post("/budgets/approvals/", {"scope": f"member:{charlie.pk}", "above": 1})
    assert ApprovalThreshold.objects.count() == 0


def test_projects_are_opened_renamed_archived_and_reopened(
    manager: Membership, sign_in: SignIn
) -> None:
    client = sign_in(manager)
    for name in ("Autumn campaign", "秋", "!!!"):
        client.post("/projects/", {"name": name})
    slugs = Project.objects.order_by("pk").values_list("slug", flat=True)
    assert list(slugs) == ["autumn-campaign", "project", "project-2"]
    reply = client.post("/projects/", {"name": "autumn  Campaign"})
    assert list(reply.context["project_form"].errors) == ["name"]
    client.post("/projects/autumn-campaign/", {"name": "Winter"})
    assert Project.objects.get(slug="autumn-campaign").name == "Winter"
    reply = client.post("/projects/project/", {"name": "WINTER"})
    assert list(reply.context["rename_form"].errors) == ["name"]
    for _ in range(2):
        client.post("/projects/autumn-campaign/switch/", {})
    assert Project.objects.get(slug="autumn-campaign").archived_at is not None
    assert "Restore" in page_of(client)
    client.post("/projects/autumn-campaign/switch/", {"reopen": "1"})
    assert Project.objects.get(slug="autumn-campaign").archived_at is None
    actions = AuditEvent.objects.filter(action__startswith="project.").order_by("pk")
    words = [one.action.partition(".")[2] for one in actions]
    assert words == [*["created"] * 3, "renamed", "archived", "reopened"]


def test_p32_a_strangers_project_is_404_like_a_random_one(
    manager: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    create_project(team=charlie.team, name="Theirs", by=SYSTEM)
    client = sign_in(manager)
    for slug in ("theirs", "random"):
        for path in (f"/projects/{slug}/", f"/projects/{slug}/switch/"):
            assert client.post(path, {"name": "Mine"}).status_code == 404


def test_the_uses_of_many_limits_are_those_of_each_in_one_query(
    alice: Membership, provider_key: ProviderKey, django_assert_num_queries: Any
) -> None:
    for window in ("hour", "day", "week", "month", "total"):
        cap(alice.team, window=window, credits=500, by=SYSTEM)
    make_generation(alice)
    limits = list(SpendLimit.objects.all())
    with django_assert_num_queries(1):
        uses = uses_of(limits)
    assert uses == [use_of(one) for one in limits]
    assert {use.held for use in limits_of("team", alice.team.pk)} == {70}


def test_the_page_asks_the_database_as_often_for_many_limits_as_for_few(
    manager: Membership, bob: Membership, sign_in: SignIn, django_assert_max_num_queries: Any
) -> None:
    client = sign_in(manager)
    for number in range(12):
        project = Project.objects.create(team=bob.team, name=f"P{number}", slug=f"p{number}")
        cap(project, window="day", credits=100, by=SYSTEM)
        cap(project, window="month", credits=100, by=SYSTEM)
    with django_assert_max_num_queries(32):
        page_of(client)


def test_strangers_are_asked_to_sign_in(client: Client, db: None) -> None:
    assert client.get("/budgets/").status_code == 302
    assert client.post("/budgets/limits/", {}).status_code == 302


def test_p34_a_refusal_by_ones_own_limit_or_a_projects_says_so(
    bob: Membership, sign_in: SignIn
) -> None:
    client = sign_in(bob)
    project = Project.objects.create(team=bob.team, name="Autumn", slug="autumn")
    form = {"prompt": "A lake", "team": bob.team.slug, "project": "autumn"}
    form |= {"duration": "5", "resolution": "720p", "generate_audio": "on"}
    cap_own(bob, window="day", credits=60, by=By.member(bob))
    reply = client.post("/studio/submit/", form)
    refusal = reply.context["refusal"]
    assert refusal.scope_word == "the limit you set for yourself"
    assert refusal.raised_by == [bob.user.get_full_name()]
    assert b"can raise it under" in reply.content
    cap_own(bob, window="day", credits=None, by=By.member(bob))
    cap(project, window="month", credits=60, by=SYSTEM)
    reply = client.post("/studio/submit/", form)
    assert reply.context["refusal"].scope_word == "the project’s limit"
    assert "60 per month" in " ".join(reply.content.decode().split()).replace("<b>", "")
    take = reply.context["refusal"].variants[0].take
    client.post("/studio/submit/", form | {"take": take})
    assert project.generations.get().credits <= 60


def test_the_studio_orders_for_an_open_project_only(
    bob: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    client = sign_in(bob)
    assert b'name="project"' not in client.get("/").content
    project = Project.objects.create(team=bob.team, name="Autumn", slug="autumn")
    create_project(team=charlie.team, name="Theirs", by=SYSTEM)
    assert b'name="project"' in client.get("/").content
    form = {"prompt": "A lake", "team": bob.team.slug, "duration": "4", "resolution": "480p"}
    client.post("/studio/submit/", form | {"project": "autumn"})
    earlier = project.generations.get()
    page = client.get(f"/?remix={earlier.id}").content.decode()
    assert " ".join(page.split()).count('<option value="autumn" selected>') == 1
    for slug in ("theirs", "random"):
        reply = client.post("/studio/submit/", form | {"project": slug})
        assert "There is no project" in reply.context["draft"].errors["project"]
    assert project.generations.count() == 1
