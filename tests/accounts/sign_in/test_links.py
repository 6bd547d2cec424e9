"""Links that an administrator hands over where no mail is sent (F17)."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.authority import By
from accounts.models import AuditEvent, Membership, User
from accounts.sign_in import password_link
from platform_site.errors import InvalidRequest, PermissionDenied
from tests.factories import SYSTEM, make_user

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-and-fresh-passphrase"


def path_of(link: str) -> str:
    assert link.startswith("http://dailies.test/accounts/password/reset/key/")
    return link.removeprefix("http://dailies.test")


def choose(client: Client, path: str) -> None:
    """Follow a link and choose a password."""
    form = client.get(path, follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": PASSWORD, "password2": PASSWORD})


def test_f17_a_person_chooses_a_password_by_a_link_once() -> None:
    user = make_user("new@studio.example")
    path = path_of(password_link(user, by=SYSTEM))
    choose(Client(), path)
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    User.objects.filter(pk=user.pk).update(name="Nina")
    other = "another-long-passphrase"
    page = Client().get(path, follow=True)
    Client().post(path, {"password1": other, "password2": other})
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert "password1" not in page.content.decode()


def test_f17_only_who_acts_everywhere_makes_one_and_it_is_recorded(alice: Membership) -> None:
    with pytest.raises(PermissionDenied):
        password_link(alice.user, by=By.member(alice))
    assert not AuditEvent.objects.filter(action="user.password_link_made").exists()
    root = User.objects.create_superuser(email="root@site.example", password="x")
    link = password_link(alice.user, by=By.operator(root))
    event = AuditEvent.objects.get(action="user.password_link_made")
    assert (event.actor, event.subject_id) == (f"user:{root.pk}/admin", str(alice.user_id))
    assert path_of(link) not in f"{event.data}{event.reason}"


def test_f17_nobody_disabled_gets_one(alice: Membership) -> None:
    User.objects.filter(pk=alice.user_id).update(is_active=False)
    alice.user.refresh_from_db()
    with pytest.raises(InvalidRequest, match="disabled"):
        password_link(alice.user, by=SYSTEM)


def test_f17_an_administrator_copies_it_from_the_persons_page(alice: Membership) -> None:
    root = User.objects.create_superuser(email="root@site.example", password="x")
    browser = Client()
    browser.force_login(root)
    address = reverse("admin:accounts_user_password_link", args=[alice.user_id])
    page = browser.post(address, {"_form_submitted": "1"}, follow=True).content.decode()
    assert re.search(r"http://dailies\.test/accounts/password/reset/key/[\w-]+", page)
    helper = User.objects.create_user(email="s@site.example", is_staff=True)
    browser.force_login(helper)
    assert browser.post(address, {"_form_submitted": "1"}).status_code in {302, 403}
    assert AuditEvent.objects.filter(action="user.password_link_made").count() == 1


def test_f17_no_helper_makes_one_for_a_superuser() -> None:
    root = User.objects.create_superuser(email="root@site.example", password="x")
    helper = User.objects.create_user(email="s@site.example", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="change_user"))
    browser = Client()
    browser.force_login(helper)
    address = reverse("admin:accounts_user_password_link", args=[root.pk])
    assert browser.post(address, {"_form_submitted": "1"}).status_code == 403
    assert not AuditEvent.objects.filter(action="user.password_link_made").exists()
