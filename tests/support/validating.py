"""Validating the body of a request."""

import pytest
from django.utils import timezone

from accounts.models import Team
from generations.ordering.request import GenerationRequest, validate_request
from platform_site.errors import InvalidRequest


def validated(team: Team, body: object) -> GenerationRequest:
    """Validate a body as it came in."""
    return validate_request(body, team=team, now=timezone.now())


def refusal(team: Team, body: object) -> InvalidRequest:
    """Validate a body that must be refused."""
    with pytest.raises(InvalidRequest) as caught:
        validated(team, body)
    assert (caught.value.status, caught.value.code) == (400, "invalid_request")
    return caught.value
