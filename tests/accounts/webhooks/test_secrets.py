"""The signing secret: who sees and rotates it, and who can verify what was signed when."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from accounts.authority import By
from accounts.models import AuditEvent, Membership, Team, WebhookDelivery
from accounts.webhooks.delivery import headers_for
from accounts.webhooks.secrets import (
    OLD_SECRET_LIFE,
    end_old_secret,
    reveal_secret,
    rotate_secret,
    rotate_webhook_seals,
    signing_secrets,
    webhook_secret,
    wipe_old_secrets,
)
from platform_site.errors import Conflict, PermissionDenied
from tests.support.races import race
from tests.support.vault_keys import generate_key

pytestmark = pytest.mark.django_db


def verifies(delivery: WebhookDelivery, secret: str) -> bool:
    """Receive a message as a client with this secret does."""
    headers = headers_for(delivery, now=timezone.now())
    try:
        Webhook(secret).verify(delivery.body, headers)
    except WebhookVerificationError:
        return False
    return True


@pytest.fixture
def delivery(alice: Membership) -> WebhookDelivery:
    return WebhookDelivery.objects.create(
        team=alice.team, url="https://a.example/", event="wallet.low", reference="r", body='{"a":1}'
    )


def rotated(membership: Membership) -> tuple[str, str]:
    before = webhook_secret(membership.team)
    return before, rotate_secret(team=membership.team, by=By.member(membership), now=timezone.now())


def test_after_a_rotation_either_secret_verifies(
    alice: Membership, delivery: WebhookDelivery
) -> None:
    before, fresh = rotated(alice)
    delivery.refresh_from_db()
    assert before != fresh == webhook_secret(alice.team)
    signature = headers_for(delivery, now=timezone.now())["webhook-signature"]
    assert [one.split(",")[0] for one in signature.split(" ")] == ["v1", "v1"]
    assert verifies(delivery, before)
    assert verifies(delivery, fresh)
    assert not verifies(delivery, "whsec_c29tZWJvZHkgZWxzZQ==")


def test_a_day_later_only_the_fresh_one_signs_and_the_old_one_is_wiped(
    alice: Membership, team: Team
) -> None:
    before, fresh = rotated(alice)
    team.refresh_from_db()
    late = timezone.now() + OLD_SECRET_LIFE
    assert signing_secrets(team, now=late - timedelta(minutes=1)) == [fresh, before]
    assert signing_secrets(team, now=late) == [fresh]
    assert wipe_old_secrets(now=late - timedelta(minutes=1)) == 0
    assert wipe_old_secrets(now=late) == 1
    team.refresh_from_db()
    assert (team.webhook_old_secret_token, team.webhook_old_secret_until) == ("", None)
    assert signing_secrets(team, now=late) == [fresh]


def test_the_old_one_can_be_ended_at_once(alice: Membership, delivery: WebhookDelivery) -> None:
    before, fresh = rotated(alice)
    end_old_secret(team=alice.team, by=By.member(alice))
    delivery.refresh_from_db()
    assert not verifies(delivery, before)
    assert verifies(delivery, fresh)
    with pytest.raises(Conflict):
        end_old_secret(team=alice.team, by=By.member(alice))


def test_a_second_rotation_waits_for_the_first_one(alice: Membership) -> None:
    """Else pressing twice would leave every receiver with a secret that signs nothing."""
    before, fresh = rotated(alice)
    with pytest.raises(Conflict):
        rotated(alice)
    assert signing_secrets(alice.team, now=timezone.now()) == [fresh, before]
    end_old_secret(team=alice.team, by=By.member(alice))
    assert rotated(alice)[0] == fresh


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_five_who_rotate_at_once_one_does(alice: Membership) -> None:
    before = webhook_secret(alice.team)

    def work(_number: int) -> str:
        mine = Membership.objects.select_related("team").get(pk=alice.pk)
        return rotate_secret(team=mine.team, by=By.member(mine), now=timezone.now())

    results = race(5, work)
    fresh = [one for one in results if isinstance(one, str)]
    assert len(fresh) == 1
    assert all(isinstance(one, Conflict | str) for one in results)
    team = Team.objects.get(pk=alice.team_id)
    assert signing_secrets(team, now=timezone.now()) == [fresh[0], before]


def test_p33_both_are_sealed_and_survive_a_new_vault_key(
    alice: Membership, charlie: Membership, settings: Settings
) -> None:
    webhook_secret(charlie.team)
    before, fresh = rotated(alice)
    team = Team.objects.get(pk=alice.team_id)
    for text in (before, fresh):
        assert text not in team.webhook_secret_token + team.webhook_old_secret_token
    old, new = settings.VAULT_KEYS, f"k2:{generate_key()}"
    settings.VAULT_KEYS = f"{new},{old}"
    assert rotate_webhook_seals() == 3
    assert rotate_webhook_seals() == 0
    settings.VAULT_KEYS = new
    team.refresh_from_db()
    assert signing_secrets(team, now=timezone.now()) == [fresh, before]


def test_the_trail_says_who_did_it_and_not_what(alice: Membership) -> None:
    before, fresh = rotated(alice)
    reveal_secret(team=alice.team, by=By.member(alice))
    end_old_secret(team=alice.team, by=By.member(alice))
    trail = AuditEvent.objects.filter(action__startswith="webhook_secret").order_by("id")
    assert [one.action.rpartition(".")[2] for one in trail] == ["rotated", "shown", "old_ended"]
    assert {(one.subject_kind, one.subject_id) for one in trail} == {("team", str(alice.team_id))}
    said = " ".join(str(vars(one)) for one in trail)
    assert before not in said
    assert fresh not in said


def test_a_member_does_none_of_it(alice: Membership, bob: Membership) -> None:
    before = webhook_secret(alice.team)
    with pytest.raises(PermissionDenied):
        rotate_secret(team=bob.team, by=By.member(bob), now=timezone.now())
    with pytest.raises(PermissionDenied):
        end_old_secret(team=bob.team, by=By.member(bob))
    with pytest.raises(PermissionDenied):
        reveal_secret(team=bob.team, by=By.member(bob))
    assert webhook_secret(Team.objects.get(pk=alice.team_id)) == before
