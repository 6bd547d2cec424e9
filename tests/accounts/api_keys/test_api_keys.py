"""API keys: made once, recognised by their digest, and taken away."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import serializers
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.api_keys.service import (
    authenticate_api_key,
    create_api_key,
    delete_api_key,
    normal_networks,
    set_enabled,
)
from accounts.errors import InvalidApiKey, IpNotAllowed, RateLimitExceeded
from accounts.models import ApiKey, AuditEvent, Membership, User
from platform_site.errors import InvalidRequest
from tests.factories import SYSTEM, make_api_key
from tests.support.api import Api
from tests.support.races import race

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)


def authenticated(text: str, *, ip: str = "203.0.113.7", now: datetime = NOW) -> ApiKey:
    """Present a key's text."""
    return authenticate_api_key(text, client_ip=ip, now=now).key


class TestCreating:
    def test_p33_the_text_is_shown_once_and_only_its_digest_stays(self, alice: Membership) -> None:
        issued = make_api_key(alice)
        assert re.fullmatch(r"sk-[0-9a-f]{12}[A-Za-z0-9_-]{43}", issued.text)
        stored = serializers.serialize("json", ApiKey.objects.all())
        assert issued.text not in stored
        assert issued.text[15:] not in stored
        assert hashlib.sha256(issued.text.encode()).hexdigest() in stored
        trail = serializers.serialize("json", AuditEvent.objects.all())
        assert issued.text[15:] not in trail
        assert str(issued.key) == f"Test key (…{issued.text[-4:]})"

    def test_two_keys_have_nothing_in_common(self, alice: Membership) -> None:
        first, second = make_api_key(alice).text, make_api_key(alice).text
        assert first[3:15] != second[3:15]
        assert first[15:] != second[15:]

    def test_a_prefix_exists_once(self, alice: Membership) -> None:
        issued = make_api_key(alice)
        issued.key.pk = None
        with pytest.raises(IntegrityError), transaction.atomic():
            issued.key.save(force_insert=True)

    def test_only_members_own_keys(self, alice: Membership, charlie: Membership) -> None:
        with pytest.raises(InvalidRequest):
            create_api_key(team=alice.team, owner=charlie.user, label="x", by=SYSTEM)

    @pytest.mark.parametrize(
        ("label", "stored"), [("", "API key"), ("  CI ", "CI"), ("x" * 200, "x" * 80)]
    )
    def test_a_label_is_tidied(self, alice: Membership, label: str, stored: str) -> None:
        key = make_api_key(alice, label=label).key
        key.refresh_from_db()
        assert key.label == stored

    @pytest.mark.parametrize("limit", [-1, 10**12])
    def test_requests_a_minute_are_a_sensible_number(self, alice: Membership, limit: int) -> None:
        with pytest.raises(InvalidRequest) as caught:
            make_api_key(alice, requests_per_minute=limit)
        assert caught.value.field == "requests_per_minute"

    def test_creating_and_taking_away_leave_a_trail(self, alice: Membership) -> None:
        key = make_api_key(alice).key
        set_enabled(api_key=key, enabled=False, by=SYSTEM)
        set_enabled(api_key=key, enabled=True, by=SYSTEM)
        delete_api_key(api_key=key, by=SYSTEM)
        events = AuditEvent.objects.filter(subject_kind="api_key", subject_id=str(key.pk))
        assert [event.action for event in events.order_by("id")] == [
            "api_key.created",
            "api_key.disabled",
            "api_key.enabled",
            "api_key.deleted",
        ]


class TestRecognising:
    def test_a_live_key_is_its_row(self, alice: Membership) -> None:
        issued = make_api_key(alice)
        assert authenticated(issued.text) == issued.key

    @pytest.mark.parametrize(
        "damage",
        [
            lambda text: "",
            lambda text: text[3:],
            lambda text: text[:15],
            lambda text: text[:-1],
            lambda text: text + "a",
            lambda text: text.upper(),
            lambda text: text.replace("sk-", "pk-"),
            lambda text: " " + text,
            lambda text: "sk-" + "0" * 12 + text[15:],
            lambda text: text[:15] + "0" * 43,
            lambda text: text[:-1] + ("a" if text[-1] != "a" else "b"),
            lambda text: text + "\0",
            lambda text: "sk-" + "é" * 12,
        ],
    )
    def test_a_text_that_differs_at_all_is_no_key(self, alice: Membership, damage: Any) -> None:
        with pytest.raises(InvalidApiKey):
            authenticated(damage(make_api_key(alice).text))

    def test_a_disabled_key_comes_back_and_a_deleted_one_never(self, alice: Membership) -> None:
        issued = make_api_key(alice)
        set_enabled(api_key=issued.key, enabled=False, by=SYSTEM)
        with pytest.raises(InvalidApiKey):
            authenticated(issued.text)
        set_enabled(api_key=issued.key, enabled=True, by=SYSTEM)
        assert authenticated(issued.text)
        delete_api_key(api_key=issued.key, by=SYSTEM)
        set_enabled(api_key=issued.key, enabled=True, by=SYSTEM)
        with pytest.raises(InvalidApiKey):
            authenticated(issued.text)

    def test_a_key_works_until_the_moment_it_expires(self, alice: Membership) -> None:
        end = timezone.now() + timedelta(days=1)
        issued = make_api_key(alice, expires_at=end)
        assert authenticated(issued.text, now=end - timedelta(microseconds=1))
        with pytest.raises(InvalidApiKey):
            authenticated(issued.text, now=end)

    def test_a_banned_owners_key_is_dead(self, alice: Membership) -> None:
        issued = make_api_key(alice)
        User.objects.filter(pk=alice.user_id).update(is_active=False)
        with pytest.raises(InvalidApiKey):
            authenticated(issued.text)

    def test_use_is_noted_about_once_a_minute(self, alice: Membership) -> None:
        issued = make_api_key(alice)
        moments = [NOW, NOW + timedelta(seconds=59), NOW + timedelta(seconds=61)]
        noted = []
        for moment in moments:
            authenticated(issued.text, now=moment)
            noted.append(ApiKey.objects.get(pk=issued.key.pk).last_used_at)
        assert noted == [moments[0], moments[0], moments[2]]


class TestNetworks:
    @pytest.mark.parametrize(
        ("network", "inside", "outside"),
        [
            ("203.0.113.7", "203.0.113.7", "203.0.113.8"),
            ("203.0.113.0/24", "203.0.113.255", "203.0.114.0"),
            ("203.0.113.9/24", "203.0.113.1", "203.0.112.255"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("2001:db8::1", "2001:db8:0:0::1", "2001:db8::2"),
            ("0.0.0.0/0", "198.51.100.1", "2001:db8::1"),
        ],
    )
    def test_only_addresses_inside_get_in(
        self, alice: Membership, network: str, inside: str, outside: str
    ) -> None:
        issued = make_api_key(alice, allowed_networks=[network])
        assert authenticated(issued.text, ip=inside)
        for address in (outside, "", "unknown"):
            with pytest.raises(IpNotAllowed):
                authenticated(issued.text, ip=address)

    def test_no_list_means_any_address(self, alice: Membership) -> None:
        issued = make_api_key(alice, allowed_networks=[])
        assert authenticated(issued.text, ip="")

    def test_at_most_ten(self, alice: Membership) -> None:
        networks = [f"203.0.113.{number}" for number in range(11)]
        assert len(normal_networks(networks[:10])) == 10
        with pytest.raises(InvalidRequest):
            normal_networks(networks)

    @pytest.mark.parametrize("entry", ["", "x", "203.0.113", "203.0.113.0/33", "10.0.0.0/-1"])
    def test_a_bad_entry_is_named(self, entry: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            normal_networks(["203.0.113.7", entry])
        assert repr(entry) in caught.value.message
        assert caught.value.field == "allowed_networks"

    def test_a_wrong_address_does_not_use_up_the_minute(self, alice: Membership) -> None:
        issued = make_api_key(alice, allowed_networks=["203.0.113.7"], requests_per_minute=1)
        for _ in range(3):
            with pytest.raises(IpNotAllowed):
                authenticated(issued.text, ip="203.0.113.8")
        assert authenticated(issued.text)


class TestProxies:
    """X-Forwarded-For counts only as far as trusted proxies wrote it."""

    @pytest.fixture
    def text(self, alice: Membership) -> str:
        """A key for 203.0.113.7 only."""
        return make_api_key(alice, allowed_networks=["203.0.113.7"]).text

    def status(self, text: str, peer: str, forwarded: str) -> int:
        """Ask from `peer` with the header; return the HTTP status."""
        reply = Api(text, address=peer).get("/v1/credits", X_Forwarded_For=forwarded)
        status: int = reply.status_code
        return status

    def test_without_a_trusted_proxy_the_header_is_an_invention(self, text: str) -> None:
        assert self.status(text, "198.51.100.1", "203.0.113.7") == 403
        assert self.status(text, "203.0.113.7", "198.51.100.1") == 200

    def test_what_a_trusted_proxy_saw_counts(self, text: str, settings: Any) -> None:
        settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
        assert self.status(text, "10.0.0.1", "203.0.113.7") == 200
        assert self.status(text, "10.0.0.1", "198.51.100.1, 203.0.113.7, 10.0.0.2") == 200
        assert self.status(text, "10.0.0.1", "203.0.113.7:4711") == 200
        assert self.status(text, "::ffff:10.0.0.1", "203.0.113.7") == 200

    def test_what_a_client_wrote_before_its_proxy_does_not(self, text: str, settings: Any) -> None:
        settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
        assert self.status(text, "10.0.0.1", "203.0.113.7, 198.51.100.1") == 403
        assert self.status(text, "198.51.100.1", "203.0.113.7, 10.0.0.1") == 403
        assert self.status(text, "10.0.0.1", "nonsense") == 403


class TestRequestsPerMinute:
    def test_so_many_and_no_more_until_the_next_minute(self, alice: Membership) -> None:
        issued = make_api_key(alice, requests_per_minute=3)
        for _ in range(3):
            authenticated(issued.text)
        with pytest.raises(RateLimitExceeded) as caught:
            authenticated(issued.text)
        assert caught.value.details == {
            "limit": 3,
            "window": "minute",
            "resets_at": int(datetime(2026, 5, 1, 12, 1, tzinfo=UTC).timestamp()),
        }
        later = NOW + timedelta(seconds=30)
        for _ in range(3):
            authenticated(issued.text, now=later)
        with pytest.raises(RateLimitExceeded):
            authenticated(issued.text, now=later)

    def test_none_means_no_limit_and_nought_means_none(self, alice: Membership) -> None:
        unlimited = make_api_key(alice).text
        for _ in range(20):
            authenticated(unlimited)
        with pytest.raises(RateLimitExceeded):
            authenticated(make_api_key(alice, requests_per_minute=0).text)

    @pytest.mark.both_databases
    @pytest.mark.django_db(transaction=True)
    def test_of_twenty_at_once_exactly_ten_are_counted_in(self, alice: Membership) -> None:
        issued = make_api_key(alice, requests_per_minute=10)
        results = race(20, lambda _n: authenticated(issued.text))
        kinds = sorted(type(result).__name__ for result in results)
        assert kinds == ["ApiKey"] * 10 + ["RateLimitExceeded"] * 10
        assert ApiKey.objects.get(pk=issued.key.pk).minute_requests == 10


def test_a_dead_key_is_refused_before_its_address_and_its_minute(alice: Membership) -> None:
    issued = make_api_key(alice, allowed_networks=["203.0.113.7"], requests_per_minute=0)
    with pytest.raises(IpNotAllowed):
        authenticated(issued.text, ip="203.0.113.8")
    delete_api_key(api_key=issued.key, by=SYSTEM)
    with pytest.raises(InvalidApiKey):
        authenticated(issued.text, ip="203.0.113.8", now=timezone.now())
