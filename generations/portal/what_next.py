"""What happens next to a generation that may take long, and when."""

from datetime import datetime

from django.utils import timezone

from generations.lifecycle import ReviewReason, State
from generations.models import Generation
from generations.polling import deadline_of


def what_next_of(generation: Generation) -> str:
    """Say what happens, and when, to one that renders, is in review or awaits approval.

    Of one that renders it is true once it takes longer than usual. "" for all others. Reads the
    approval of what awaits one.
    """
    match generation.state:
        case State.PROCESSING:
            return f"We ask until {_time(deadline_of(generation))}, then a manager decides."
        case State.AWAITING_APPROVAL:
            expires = _day_and_time(generation.approval.expires_at)
            return f"Without a decision by {expires} it is cancelled and its credits released."
        case State.NEEDS_REVIEW if generation.review_reason == ReviewReason.SUBMIT_UNKNOWN:
            return "The vendor’s callback or a manager decides."
        case State.NEEDS_REVIEW:
            return "We ask every 5 minutes; the vendor’s answer or a manager decides."
    return ""


def _time(at: datetime) -> str:
    return f"{timezone.localtime(at):%H:%M %Z}"


def _day_and_time(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local.day} {local:%b, %H:%M %Z}"
