"""The sign-in library's forms in our words."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from allauth.account.forms import (
    ChangePasswordForm,
    LoginForm,
    ReauthenticateForm,
    ResetPasswordKeyForm,
)

from accounts.sign_in.backend import PasswordResetForm
from platform_site.web.form_words import PlainWords

_NEW, _AGAIN = "New password", "New password again"


class SignInForm(PlainWords, LoginForm):  # type: ignore[misc]  # the library is untyped
    """An email and its password."""


class SendLinkForm(PlainWords, PasswordResetForm):
    """Whose password is forgotten."""


class _Labelled(PlainWords):
    """A form of passwords whose labels are ours."""

    labels: Mapping[str, str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in self.labels.items():
            self.fields[name].label = label
            self.fields[name].widget.attrs.pop("placeholder", None)


class ConfirmForm(_Labelled, ReauthenticateForm):  # type: ignore[misc]  # the library is untyped
    """The password of somebody who is signed in."""

    labels = MappingProxyType({"password": "Your password"})


class NewPasswordForm(_Labelled, ChangePasswordForm):  # type: ignore[misc]  # likewise
    """The password until now, and the new one twice."""

    labels = MappingProxyType(
        {"oldpassword": "Current password", "password1": _NEW, "password2": _AGAIN}
    )


class FirstPasswordForm(_Labelled, ResetPasswordKeyForm):  # type: ignore[misc]  # likewise
    """A new password twice, by a link that was mailed or handed over."""

    labels = MappingProxyType({"password1": _NEW, "password2": _AGAIN})
