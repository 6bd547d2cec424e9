"""How sign-in differs from the library's defaults: nobody registers themself."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # the library is untyped
    """People are added by an owner or an administrator, never by a sign-up form."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Refuse every registration."""
        return False
