"""How sign-in differs from the library's defaults."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from django.http import HttpRequest

from platform_site.web.requests import client_address

ACCOUNT_LIMIT = "login_account"  # in settings.ACCOUNT_RATE_LIMITS


class ClosedAccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # the library is untyped
    """People are added by an owner or an administrator, never by a sign-up form."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "The email or the password is wrong.",
        "enter_current_password": "This password is wrong.",
        "incorrect_password": "This password is wrong.",
        "too_many_login_attempts": "Too many failed attempts. Try again in a few minutes.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Refuse every registration."""
        return False

    def is_safe_url(self, url: str) -> bool:
        """Return whether one may be sent on to `url` after signing in: not to what is no URL."""
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return whom the limits of sign-in count: the client behind the proxies that we trust."""
        return client_address(request) or "unknown"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count an attempt: few by one client at one account, more by all clients together."""
        super().pre_authenticate(request, **credentials)
        account = super()._get_login_attempts_cache_key(request, **credentials)
        self._account_usage = ratelimit.consume(
            request, app="allauth.account", action=ACCOUNT_LIMIT, key=account
        )
        if not self._account_usage:
            raise self.validation_error("too_many_login_attempts")

    def _rollback_login_failed_rl_usage(self) -> None:
        # The library calls it for a right password, which does not count.
        super()._rollback_login_failed_rl_usage()
        if self._account_usage:
            self._account_usage.rollback()

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # By the address typed alone, a stranger's five wrong attempts would lock its owner out.
        key: str = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{key}:{ratelimit.get_ip(request)}"
