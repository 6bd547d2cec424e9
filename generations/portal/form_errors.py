"""Refusals of services, shown in the form that asked."""

from django import forms

from platform_site.errors import DailiesError


def show_error(form: forms.Form, error: DailiesError) -> None:
    """Put a service's refusal beside its field, or above the form."""
    form.add_error(error.field if error.field in form.fields else None, error.message)
