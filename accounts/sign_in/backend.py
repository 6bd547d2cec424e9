"""Whom an email signs in: the person who has it in their own row, and nobody else.

The sign-in library keeps emails in a second table too, where one may stand that was never
confirmed. It opens nothing here.
"""

from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.forms import ResetPasswordForm

from accounts.models import User


class EmailBackend(AuthenticationBackend):  # type: ignore[misc]  # the library is untyped
    """Signs people in by the email of their own row."""

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        user: User | None = self._check_password(_person(email), password)
        return user


class PasswordResetForm(ResetPasswordForm):  # type: ignore[misc]  # likewise
    """Mails a link to the one person whose email it is."""

    def clean_email(self) -> str:
        """Find that person; the library's view writes to `users`."""
        email: str = super().clean_email()
        person = _person(email)
        self.users = [person] if person is not None and person.is_active else []
        return email


def _person(email: str) -> User | None:
    return User.objects.filter(email__iexact=email.strip()).first()
