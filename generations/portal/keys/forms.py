"""The shapes of the keys' forms. What the values mean is judged by the services."""

import re
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator

from accounts.api_keys import LAST_DAY, TOO_FAR
from billing.ledger import MAX_CREDITS
from billing.selectors import site_zone
from billing.windows import end_of_day
from generations.provider_keys import MOST_IN_FLIGHT, MOST_PER_MINUTE
from generations.vendors import has_several_vendors, key_examples, vendor_choices
from platform_site.text.visible import require_visible
from platform_site.web.form_words import PlainForm


class ApiKeyForm(PlainForm):
    """A new API key with its limits; empty means no limit."""

    label = forms.CharField(
        max_length=80,
        label="Name",
        validators=[require_visible],
        widget=forms.TextInput(
            attrs={"placeholder": "Render farm", "autocomplete": "off", "dir": "auto"}
        ),
    )
    expires_on = forms.DateField(
        required=False,
        label="Expires",
        validators=[MaxValueValidator(LAST_DAY, TOO_FAR)],
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Works until the end of that day. Leave empty for no expiry.",
    )
    hourly = forms.IntegerField(
        required=False, min_value=0, max_value=MAX_CREDITS, label="Per hour"
    )
    daily = forms.IntegerField(required=False, min_value=0, max_value=MAX_CREDITS, label="Per day")
    total = forms.IntegerField(required=False, min_value=0, max_value=MAX_CREDITS, label="In total")
    requests_per_minute = forms.IntegerField(
        required=False, min_value=1, max_value=100_000, label="Requests per minute"
    )
    allowed_networks = forms.CharField(
        required=False,
        max_length=1000,
        label="Allowed addresses",
        widget=forms.Textarea(
            attrs={"rows": 2, "placeholder": "203.0.113.7\n10.20.0.0/16", "spellcheck": "false"}
        ),
        help_text="Up to 10 IPs or CIDRs, one per line. Leave empty to allow any.",
    )

    def options(self) -> dict[str, Any]:
        """Return what `issue_api_key` takes."""
        data = self.cleaned_data
        last_day = data["expires_on"]
        return {
            "label": data["label"],
            "hourly": data["hourly"],
            "daily": data["daily"],
            "total": data["total"],
            "requests_per_minute": data["requests_per_minute"],
            "allowed_networks": data["allowed_networks"],
            "expires_at": end_of_day(last_day, site_zone()) if last_day else None,
        }

    def clean_allowed_networks(self) -> list[str]:
        """Split what was typed, by lines or commas."""
        return [one for one in re.split(r"[\s,;]+", self.cleaned_data["allowed_networks"]) if one]


class ProviderKeyForm(PlainForm):
    """A provider key to be vaulted. It is never sent back, not even on an error."""

    vendor = forms.ChoiceField(choices=vendor_choices, label="Vendor")
    secret = forms.CharField(
        max_length=1000,
        label="Key",
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Encrypted when you add it, and never shown again.",
    )
    label = forms.CharField(
        required=False,
        max_length=80,
        label="Name",
        widget=forms.TextInput(
            attrs={"placeholder": "Optional", "autocomplete": "off", "dir": "auto"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Ask for the vendor only where there are several."""
        super().__init__(*args, **kwargs)
        if not has_several_vendors():
            del self.fields["vendor"]
        self.fields["secret"].widget.attrs["placeholder"] = key_examples()


class SendRateForm(PlainForm):
    """How quickly a provider key may send."""

    max_in_flight = forms.IntegerField(
        min_value=1,
        max_value=MOST_IN_FLIGHT,
        label="Concurrent films",
        help_text="The vendor rejects more than your account allows.",
    )
    per_minute = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_PER_MINUTE,
        label="Films per minute",
        help_text="Leave empty for no limit.",
    )
