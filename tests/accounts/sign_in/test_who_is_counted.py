"""Who the client is: behind a trusted proxy the one it forwards for, else the peer itself.

Everything that counts or judges callers asks `platform_site.web.requests.client_address`.
"""

from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import CallbackReceipt
from tests.factories import PASSWORD, make_api_key, make_generation, make_user

pytestmark = pytest.mark.django_db

PROXY = "10.1.2.3"
ATTACKER, OWNER = "203.0.113.66", "198.51.100.7"
LOGIN = "/accounts/login/"
WRONG = "not the password"


@pytest.fixture(autouse=True)
def behind_a_proxy(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]


def signs_in(
    email: str, password: str = PASSWORD, *, forwarded: str | None, peer: str = PROXY
) -> bool:
    """Try to sign in as a fresh browser; return whether it is in."""
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    form = {"login": email, "password": password}
    client = Client(REMOTE_ADDR=peer)
    client.post(LOGIN, form, headers=headers)
    return "_auth_user_id" in client.session


def test_f17_forty_wrong_tries_by_one_forwarded_address_lock_out_nobody_else() -> None:
    ada, ben = make_user(), make_user()
    for number in range(40):
        assert not signs_in([ada, ben][number % 2].email, WRONG, forwarded=ATTACKER)
    assert signs_in(ada.email, forwarded=OWNER), "the very account that was tried"
    assert signs_in(ben.email, forwarded=OWNER)
    assert signs_in(make_user().email, forwarded="2001:db8:7::1")
    assert not signs_in(ada.email, forwarded=ATTACKER), "they themselves are held up"


def test_f17_a_client_that_invents_forwarders_is_counted_as_itself() -> None:
    ada = make_user()
    for number in range(40):
        assert not signs_in(ada.email, WRONG, forwarded=f"192.0.2.{number}, {ATTACKER}")
    assert not signs_in(ada.email, forwarded=f"192.0.2.99, {ATTACKER}")
    assert signs_in(ada.email, forwarded=OWNER)


def test_f17_a_peer_that_is_no_proxy_of_ours_forwards_for_nobody() -> None:
    ada = make_user()
    for number in range(40):
        assert not signs_in(ada.email, WRONG, forwarded=f"192.0.2.{number}", peer=ATTACKER)
    assert not signs_in(ada.email, forwarded=OWNER, peer=ATTACKER)
    assert signs_in(ada.email, forwarded=None, peer=OWNER)


def test_f17_many_clients_together_try_one_account_only_so_often() -> None:
    ada, ben = make_user(), make_user()
    for number in range(60):
        assert not signs_in(ada.email, WRONG, forwarded=f"198.18.{number}.1")
    assert not signs_in(ada.email, forwarded="198.18.200.1")
    assert signs_in(ben.email, forwarded="198.18.0.1")


def test_a_right_password_counts_as_no_try() -> None:
    ada = make_user()
    for number in range(60):
        assert signs_in(ada.email, forwarded=f"198.18.{number}.1")
    assert signs_in(ada.email, forwarded=OWNER)


def test_f17_one_client_asks_for_few_password_resets_and_others_go_on() -> None:
    answers, refused = [], None
    for forwarded in [ATTACKER] * 21 + [OWNER]:
        form = {"email": f"{uuid4()}@studio.example"}
        headers = {"X-Forwarded-For": forwarded}
        reply = Client(REMOTE_ADDR=PROXY).post("/accounts/password/reset/", form, headers=headers)
        answers.append(reply.status_code)
        refused = reply if reply.status_code == 429 else refused
    assert answers == [302] * 20 + [429, 302]
    assert refused is not None
    assert refused["Retry-After"] == "60"
    assert "Wait a minute, then try again." in refused.content.decode()


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (OWNER, OWNER),
        (f"192.0.2.1, {OWNER}", OWNER),
        (f"{OWNER}, 10.9.9.9", OWNER),
        (f"{OWNER}:4711", OWNER),
        (f"::ffff:{OWNER}", OWNER),
        ("[2001:db8::5]:80", "2001:db8::5"),
        ("nonsense", PROXY),
        ("", PROXY),
    ],
)
def test_f17_every_border_sees_the_same_client(
    forwarded: str,
    client: str,
    alice: Membership,
    provider_key: object,
    caplog: pytest.LogCaptureFixture,
) -> None:
    browser, headers = Client(REMOTE_ADDR=PROXY), {"X-Forwarded-For": forwarded}
    key = make_api_key(alice, allowed_networks=[client]).text
    bearer = {"Authorization": f"Bearer {key}", **headers}
    assert browser.get("/v1/credits", headers=bearer).status_code == 200
    other = make_api_key(alice, allowed_networks=["192.0.2.200"]).text
    bearer = {"Authorization": f"Bearer {other}", **headers}
    assert browser.get("/v1/credits", headers=bearer).status_code == 403
    logged = [one.msg for one in caplog.records if isinstance(one.msg, dict)]
    assert {one["ip"] for one in logged if one["event"] == "request_finished"} == {client}
    job = make_generation(alice, State.PROCESSING)
    body = {"id": job.upstream_id, "status": "completed"}
    path = f"/callbacks/{job.callback_token}"
    browser.post(path, body, content_type="application/json", headers=headers)
    assert CallbackReceipt.objects.get().sent_from == client
