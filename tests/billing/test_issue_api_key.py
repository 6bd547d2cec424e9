"""`issue_api_key`: a key and its spend limits, or neither."""

from typing import Any

import pytest

from accounts.authority import By
from accounts.models import ApiKey, AuditEvent, Membership
from accounts.roles import Role
from billing.errors import SpendLimitExceeded
from billing.models import SpendLimit
from billing.selectors import limits_of
from billing.services.api_keys import issue_api_key
from billing.subjects import Subject
from platform_site.errors import InvalidRequest, PermissionDenied
from tests.factories import SYSTEM, make_hold, make_member

pytestmark = pytest.mark.django_db


def issue(membership: Membership, *, by: By = SYSTEM, **options: Any) -> ApiKey:
    """Issue a key to a member; return its row."""
    key, text = issue_api_key(
        team=membership.team, owner=membership.user, label="Farm", by=by, **options
    )
    assert text.startswith(f"sk-{key.prefix}")
    return key


def test_a_key_without_caps_has_no_limits(bob: Membership) -> None:
    key = issue(bob)
    assert (key.team, key.owner, key.label) == (bob.team, bob.user, "Farm")
    assert not SpendLimit.objects.exists()


def test_each_cap_becomes_a_limit_of_its_window_and_nothing_is_a_cap_too(bob: Membership) -> None:
    key = issue(bob, hourly=70, daily=700, total=0)
    uses = limits_of("api_key", key.pk)
    assert [(use.limit.window, use.limit.credits, use.left) for use in uses] == [
        ("hour", 70, 70),
        ("day", 700, 700),
        ("total", 0, 0),
    ]
    assert AuditEvent.objects.filter(action="spend_limit.set").count() == 3


def test_p04_holds_of_the_key_count_under_its_caps(bob: Membership) -> None:
    subject = Subject("api_key", str(issue(bob, daily=100).pk))
    make_hold(bob.team, 70, subjects=(subject,))
    with pytest.raises(SpendLimitExceeded) as caught:
        make_hold(bob.team, 31, subjects=(subject,))
    assert caught.value.subject == subject
    assert caught.value.message == (
        "This needs 31 credits, and the API key's limit of 100 credits per day has 30 left."
    )


@pytest.mark.parametrize("cap", [{"hourly": -1}, {"daily": 1.5}, {"total": 10**12 + 1}])
def test_p08_a_cap_that_cannot_be_one_leaves_no_key(bob: Membership, cap: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        issue(bob, **cap)
    assert caught.value.field == "credits"
    assert not ApiKey.objects.exists()
    assert not SpendLimit.objects.exists()


def test_who_may_not_submit_issues_none(bob: Membership) -> None:
    viewer = make_member(bob.team, Role.VIEWER)
    with pytest.raises(PermissionDenied):
        issue(viewer, by=By.member(viewer), daily=70)
    assert not ApiKey.objects.exists()
