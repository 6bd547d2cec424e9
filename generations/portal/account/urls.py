"""Paths of a person's own account and current team."""

from django.urls import path
from django.views.generic import RedirectView

from generations.portal.account import email_change, teams

urlpatterns = [
    path("team/", teams.switch, name="team_switch"),
    # In place of the sign-in library's, which takes any address unconfirmed.
    path("accounts/email/", email_change.change, name="account_email"),
    path("accounts/confirm-email/", RedirectView.as_view(pattern_name="account_email")),
    path("accounts/confirm-email/<str:token>/", email_change.confirm, name="account_confirm_email"),
]
