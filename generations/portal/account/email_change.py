"""The pages on which people change the email that they sign in with."""

from typing import cast

from allauth.core.ratelimit import consume
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.authority import By
from accounts.errors import RateLimitExceeded
from accounts.models import User
from accounts.people import ask_for_email, confirm_email, email_named
from generations.portal.form_errors import show_error
from platform_site.errors import Conflict, DailiesError, InvalidRequest
from platform_site.text.visible import is_visible
from platform_site.web.form_words import PlainForm
from platform_site.web.requests import actor_request_id


class EmailForm(PlainForm):
    """The new email, and the password of whoever asks."""

    email = forms.CharField(
        label="New email",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        help_text="We send a link there. Until you follow it, nothing changes.",
    )
    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def clean_email(self) -> str:
        """Leave out what was only pasted along, as signing in does."""
        return "".join(filter(is_visible, self.cleaned_data["email"]))


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def change(request: HttpRequest) -> HttpResponse:
    """Ask for the new email and the password, and mail the link."""
    form = EmailForm(request.POST if request.method == "POST" else None)
    context: dict[str, object] = {"form": form}
    status = 200
    if form.is_bound and form.is_valid():
        user = cast(User, request.user)
        try:
            if not consume(request, action="manage_email", user=user):
                raise RateLimitExceeded("Too many attempts. Wait a minute, then try again.")
            context["sent_to"] = ask_for_email(
                user,
                email=form.cleaned_data["email"],
                password=form.cleaned_data["password"],
                by=_by(request),
            )
        except DailiesError as error:
            show_error(form, error)
            status = error.status
    return render(request, "account/new_email.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Show what the link would change, and change it when its button is pressed.

    Looking changes nothing: mail scanners follow links.
    """
    user = cast(User, request.user)
    context: dict[str, object] = {"email": email_named(user, token)}
    status = 200 if context["email"] else 404
    if request.method == "POST":
        try:
            confirm_email(user, token, by=_by(request))
        except (InvalidRequest, Conflict) as error:
            context["problem"] = error.message
            status = error.status
        else:
            messages.success(request, "Your email has been changed. Your password is unchanged.")
            return redirect("account_email")
    return render(request, "account/new_email_confirm.html", context, status=status)


def _by(request: HttpRequest) -> By:
    return By.person(cast(User, request.user), request_id=actor_request_id(request))
