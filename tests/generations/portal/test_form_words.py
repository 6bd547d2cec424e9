"""Forms refuse in our words, never in those of a library (F17)."""

import sys
from collections.abc import Iterator

import pytest
from allauth.account.app_settings import FORMS
from django import forms
from django.test import Client
from django.urls import is_valid_path
from django.utils.module_loading import import_string

from accounts.models import Membership
from generations.portal.keys.forms import ApiKeyForm
from platform_site.web.form_words import PlainWords
from tests.generations.portal.conftest import SignIn

pytestmark = pytest.mark.django_db
LIBRARY = [
    "This field is required",
    "Select a valid choice",
    "Null characters",
    "Ensure this value",
    "Current Password",
    "New Password",
    "Please ",
    "reauthenticate to",
    "Forgot your",
]


def portal_forms() -> Iterator[type[forms.BaseForm]]:
    assert is_valid_path("/")
    for name, module in list(sys.modules.items()):
        if name.startswith("generations.portal"):
            for value in vars(module).values():
                if isinstance(value, type) and issubclass(value, forms.Form):
                    yield value


def test_f17_every_form_of_the_portal_speaks_our_words() -> None:
    kinds = {*portal_forms(), *map(import_string, FORMS.values())}
    assert len(kinds) > 12
    assert [kind for kind in kinds if not issubclass(kind, PlainWords)] == []


def test_f17_a_value_is_refused_with_its_bounds_and_is_not_repeated() -> None:
    typed = {"label": "a\0b", "daily": "9" * 20, "total": "many", "expires_on": "soon"}
    errors = ApiKeyForm(typed).errors
    number = ["Enter a whole number from 0 to 1,000,000,000,000."]
    assert errors == {
        "label": ["Remove the characters that cannot be shown."],
        "daily": number,
        "total": number,
        "expires_on": ["Enter a date, such as 2026-11-29."],
    }
    assert ApiKeyForm({}).errors == {"label": ["Fill in this field."]}


@pytest.mark.parametrize(
    ("path", "typed", "words"),
    [
        ("/budgets/limits/", {"target": "<x>", "window": "\0"}, "Choose one of the options."),
        ("/accounts/password/change/", {"oldpassword": "x"}, "This password is wrong."),
        ("/accounts/reauthenticate/", {"password": "x"}, "This password is wrong."),
        ("/accounts/reauthenticate/", {}, "Fill in this field."),
    ],
)
def test_f17_pages_of_forms_have_no_words_of_a_library(
    path: str, typed: dict[str, str], words: str, alice: Membership, sign_in: SignIn
) -> None:
    page = sign_in(alice).post(path, typed).content.decode()
    assert words in page
    assert [one for one in LIBRARY if one in page] == []


def test_f17_a_report_of_a_damaged_project_is_refused_in_our_words(
    alice: Membership, sign_in: SignIn
) -> None:
    page = sign_in(alice).get("/reports/", {"project": "1\0", "member": "x"}).content.decode()
    assert page.count("Choose one of the options.") == 2
    assert [one for one in LIBRARY if one in page] == []


def test_f17_a_new_password_signs_out_every_other_browser(
    alice: Membership, sign_in: SignIn
) -> None:
    alice.user.set_password("an-old-passphrase-of-mine")
    alice.user.save()
    here, there = sign_in(alice), sign_in(alice)
    page = here.get("/accounts/password/change/").content.decode()
    assert "signed out everywhere else. Your API keys go on working." in page
    new = "a-long-and-fresh-passphrase"
    typed = {"oldpassword": "an-old-passphrase-of-mine", "password1": new, "password2": new}
    here.post("/accounts/password/change/", typed)
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302


def test_f17_nobody_signed_in_is_told_that_they_are_disabled(
    alice: Membership, sign_in: SignIn
) -> None:
    assert "account is disabled" not in sign_in(alice).get("/accounts/inactive/").content.decode()
    assert "account is disabled" in Client().get("/accounts/inactive/").content.decode()
