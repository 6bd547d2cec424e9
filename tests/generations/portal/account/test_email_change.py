"""Changing one's own email: asked with the password, confirmed by its link, written down."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from pytest_django import Settings

from accounts.models import AuditEvent, Membership, User
from accounts.people.email_change import EMAIL_LINK_LIFE
from accounts.roles import Role
from billing.models import Transfer
from tests.factories import PASSWORD, make_generation, make_member, make_user
from tests.generations.portal.conftest import SignIn
from tests.support.ports import free_port
from tests.support.races import race

pytestmark = pytest.mark.django_db

PAGE = "/accounts/email/"
NEW = "vera@new.example"
LINK = re.compile(r"http://dailies\.test(/accounts/confirm-email/\S+)")


def ask(client: Client, address: str = NEW, password: str = PASSWORD) -> str:
    """Ask for an address; return what the page says below its header."""
    reply = client.post(PAGE, {"email": address, "password": password})
    return " ".join(reply.content.decode().partition("<main")[2].split())


def link() -> str:
    """Return the path of the link that was mailed last."""
    found = LINK.search(str(mail.outbox[-1].body))
    assert found, mail.outbox[-1].body
    return found[1]


def address_of(member: Membership) -> str:
    return User.objects.get(pk=member.user_id).email


def signs_in(email: str, password: str = PASSWORD) -> bool:
    client = Client()
    client.post("/accounts/login/", {"login": email, "password": password})
    return "_auth_user_id" in client.session


def test_f17_an_address_is_confirmed_before_anybody_signs_in_with_it(
    viewer: Membership, sign_in: SignIn
) -> None:
    client = sign_in(viewer)
    assert "Check your email" in ask(client)
    assert [one.to for one in mail.outbox] == [[NEW]]
    assert viewer.user.email in mail.outbox[0].body
    assert (address_of(viewer), signs_in(NEW)) == ("vera@studio.example", False)
    assert "Use this email?" in client.get(link()).content.decode()
    assert address_of(viewer) == "vera@studio.example", "looking changes nothing"
    changed = client.post(link(), follow=True).content.decode()
    assert "Your email has been changed." in changed
    assert NEW in changed
    assert address_of(viewer) == NEW
    assert mail.outbox[-1].to == ["vera@studio.example"], "the address before it is told"
    assert (signs_in(NEW), signs_in("vera@studio.example")) == (True, False)


def test_f12_what_was_pasted_along_with_an_address_is_none_of_it(
    viewer: Membership, sign_in: SignIn
) -> None:
    assert "Check your email" in ask(sign_in(viewer), f"\u200b{NEW}\ufeff ")
    assert [one.to for one in mail.outbox] == [[NEW]]


def test_f17_the_change_stands_in_the_audit_trail_under_the_persons_id(
    viewer: Membership, sign_in: SignIn
) -> None:
    client = sign_in(viewer)
    ask(client)
    client.post(link())
    trail = AuditEvent.objects.filter(action__startswith="user.").order_by("id")
    name = f"user:{viewer.user_id}"
    assert [(one.action, one.actor, one.data) for one in trail] == [
        ("user.email_change_asked", name, {"to": "v…@new.example"}),
        ("user.email_changed", name, {"before": "v…@studio.example", "to": "v…@new.example"}),
    ]
    subject = ("user", str(viewer.user_id))
    assert {(one.subject_kind, one.subject_id) for one in trail} == {subject}
    assert all(one.request_id for one in trail)


def test_f17_the_books_name_the_person_whatever_their_address_is(
    bob: Membership, sign_in: SignIn
) -> None:
    client = sign_in(bob)
    make_generation(bob)
    form = {"favourite": "1"}
    job = bob.user.generations.get()
    client.post(f"/generations/{job.pk}/favourite/", form)
    client.post(f"/generations/{job.pk}/cancel/")
    ask(client, "bob@new.example")
    client.post(link())
    release = Transfer.objects.get(kind="release")
    assert release.actor == f"user:{bob.user_id}"
    receipt = client.get(f"/generations/{job.pk}/receipt.json").json()
    assert receipt["entries"][-1]["actor"] == "bob@new.example"


@pytest.mark.parametrize(
    ("address", "password", "words"),
    [
        (NEW, "wrong", "This password is wrong."),
        ("", PASSWORD, "Fill in this field."),
        ("no address", PASSWORD, "Enter an email address."),
        ("a\0b@new.example", PASSWORD, "Remove the characters that cannot be shown."),
        ("vera@studio.example", PASSWORD, "This is already your email."),
        (" VERA@Studio.Example ", PASSWORD, "This is already your email."),
        ("vera@stüdio.example", PASSWORD, "Use plain letters"),
        ("a" * 250 + "@new.example", PASSWORD, "at most 254 characters"),
    ],
)
def test_f17_a_wrong_request_changes_and_mails_nothing(
    address: str, password: str, words: str, viewer: Membership, sign_in: SignIn
) -> None:
    assert words in ask(sign_in(viewer), address, password)
    assert (address_of(viewer), mail.outbox) == ("vera@studio.example", [])


@pytest.mark.parametrize("address", ["alice@studio.example", "ALICE@Studio.example"])
def test_f17_somebody_elses_address_is_neither_taken_nor_betrayed(
    address: str, alice: Membership, viewer: Membership, sign_in: SignIn
) -> None:
    free = ask(sign_in(viewer)).replace(NEW, "…")
    taken = ask(sign_in(viewer), address).replace(address.lower(), "…")
    assert taken == free
    assert "already belongs to an account" in mail.outbox[-1].body
    assert not LINK.search(str(mail.outbox[-1].body))
    assert address_of(viewer) == "vera@studio.example"


def test_f17_an_address_that_was_taken_meanwhile_is_refused_in_words(
    viewer: Membership, sign_in: SignIn
) -> None:
    client = sign_in(viewer)
    ask(client)
    make_user("Vera@New.example")
    reply = client.post(link())
    assert (reply.status_code, address_of(viewer)) == (409, "vera@studio.example")
    assert "belongs to another account" in reply.content.decode()


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda user: User.objects.filter(pk=user.pk).update(email="vera@other.example"),
        lambda user: (user.set_password("another one"), user.save()),
    ],
    ids=["address", "password"],
)
def test_f17_a_link_dies_with_the_address_and_the_password_of_its_time(
    meanwhile: Callable[[User], object], viewer: Membership, sign_in: SignIn
) -> None:
    ask(sign_in(viewer))
    meanwhile(viewer.user)
    viewer.user.refresh_from_db()
    client = sign_in(viewer)
    assert client.get(link()).status_code == 404
    assert client.post(link()).status_code == 400
    assert not AuditEvent.objects.filter(action="user.email_changed").exists()


def test_f17_a_link_works_once_for_a_day_and_for_its_asker(
    viewer: Membership, bob: Membership, sign_in: SignIn
) -> None:
    client = sign_in(viewer)
    ask(client)
    other = sign_in(bob)
    assert other.get(link()).status_code == 404
    assert other.post(link()).status_code == 400
    assert Client().post(link())["Location"].startswith("/accounts/login/?next=")
    assert client.post(link().replace("confirm-email/", "confirm-email/x")).status_code == 400
    with time_machine.travel(
        datetime.now(UTC) + EMAIL_LINK_LIFE + timedelta(seconds=5), tick=False
    ):
        late = sign_in(viewer)
        assert late.post(link()).status_code == 400
    assert address_of(viewer) == "vera@studio.example"
    first = link()
    for _ in range(2):  # a second click changes nothing and says nothing wrong
        assert client.post(first)["Location"] == PAGE
    assert AuditEvent.objects.filter(action="user.email_changed").count() == 1
    ask(client, "third@new.example")
    client.post(link())
    assert client.post(first).status_code == 400


@pytest.mark.parametrize("action", ["add", "primary", "send", "remove"])
def test_f17_the_sign_in_librarys_own_form_does_nothing_here(
    action: str, viewer: Membership, sign_in: SignIn
) -> None:
    client = sign_in(viewer)
    for address in ("boss@studio.example", "vera@studio.example"):
        client.post(PAGE, {"email": address, f"action_{action}": ""})
    assert (address_of(viewer), EmailAddress.objects.count(), mail.outbox) == (
        "vera@studio.example",
        0,
        [],
    )


@pytest.mark.parametrize("verified", [True, False])
def test_f17_an_email_in_the_sign_in_librarys_table_opens_nothing(
    verified: bool, viewer: Membership, bob: Membership, sign_in: SignIn
) -> None:
    left_over = EmailAddress.objects.create(user=bob.user, email=NEW, verified=verified)
    reset = "/accounts/password/reset/"
    assert not signs_in(NEW)
    Client().post(reset, {"email": NEW})
    assert "No account has this email" in mail.outbox[-1].body
    client = sign_in(viewer)
    ask(client)
    client.post(link())
    EmailAddress.objects.filter(pk=left_over.pk).update(primary=True)
    browser = Client()
    browser.post("/accounts/login/", {"login": NEW, "password": PASSWORD})
    assert int(browser.session["_auth_user_id"]) == viewer.user_id
    mail.outbox.clear()
    Client().post(reset, {"email": NEW})
    assert [one.to for one in mail.outbox] == [[NEW]]
    found = re.search(r"/password/reset/key/\S+", str(mail.outbox[0].body))
    assert found
    page = Client()
    form = page.get(f"/accounts{found[0]}", follow=True)
    chosen = {"password1": "a wholly other one", "password2": "a wholly other one"}
    page.post(form.redirect_chain[-1][0], chosen)
    assert User.objects.get(pk=viewer.user_id).check_password("a wholly other one")
    assert User.objects.get(pk=bob.user_id).email == "bob@studio.example"


def test_f17_guessing_the_password_is_slowed_down(viewer: Membership, sign_in: SignIn) -> None:
    client = sign_in(viewer)
    answers = [ask(client, password=f"guess {number}") for number in range(12)]
    assert "Too many attempts" in answers[-1]
    assert "Too many attempts" in ask(client)
    assert mail.outbox == []


def test_f17_a_mail_that_cannot_be_sent_is_told_in_words(
    viewer: Membership, sign_in: SignIn, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    assert "The email could not be sent." in ask(sign_in(viewer))
    assert address_of(viewer) == "vera@studio.example"


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_f17_of_two_people_who_confirm_one_address_at_once_one_gets_it(
    alice: Membership, sign_in: SignIn
) -> None:
    asked: list[tuple[Client, str]] = []
    for _ in range(6):
        client = sign_in(make_member(alice.team, Role.VIEWER))
        ask(client)
        asked.append((client, link()))

    def press(number: int) -> int:
        client, path = asked[number]
        return client.post(path).status_code

    answers = race(6, press)
    assert sorted(map(str, answers)) == ["302"] + ["409"] * 5
    assert User.objects.filter(email=NEW).count() == 1


def test_f17_whoever_has_no_team_may_change_their_address_too() -> None:
    user = make_user()
    client = Client()
    backend = "accounts.sign_in.backend.EmailBackend"
    client.force_login(user, backend=backend)
    ask(client)
    client.post(link())
    assert User.objects.get(pk=user.pk).email == NEW
