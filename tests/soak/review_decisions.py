"""Decide what is in doubt, as a person does who reads the vendor's books: by audited actions."""

from collections import Counter

from django.utils import timezone

from generations.lifecycle import ReviewReason, State
from generations.models import Generation
from generations.review.adopt import adopt_found_id
from generations.review.corrections import release_reviewed, settle_reviewed
from tests.soak.database_retries import patiently
from tests.soak.plan import number_of
from tests.soak.teams import SYSTEM
from tests.soak.vendor_books import Books

# Of the lost ids that the books show, one in so many is not adopted but only booked.
_BOOKED_EVERY = 3


def close_reviews(books: Books) -> Counter[str]:
    """Close every review by what the vendor's books say; return how, counted."""
    done: Counter[str] = Counter()
    reviews = Generation.objects.filter(state=State.NEEDS_REVIEW).select_related(
        "team", "hold", "provider_key"
    )
    for place, generation in enumerate(patiently(lambda: list(reviews.order_by("created_at")))):
        done[_close(generation, books, is_booked_only=place % _BOOKED_EVERY == 0)] += 1
    return done


def _close(generation: Generation, books: Books, *, is_booked_only: bool) -> str:
    number = number_of(generation.prompt)
    task = books.task_of(number) if number is not None else None
    now = timezone.now()
    if task is None:
        reason = "The vendor's books know of no such task."
        release_reviewed(generation, by=SYSTEM, reason=reason, now=now)
        return "released: never accepted"
    lost = generation.review_reason == ReviewReason.SUBMIT_UNKNOWN
    if lost and not is_booked_only:
        adopt_found_id(
            generation, task.id, by=SYSTEM, reason="Found in the vendor's books.", now=now
        )
        return "adopted"
    reason = f"The vendor's books say: task {task.id} {task.status}, {task.charged} credits."
    if task.charged:
        settle_reviewed(generation, by=SYSTEM, reason=reason, now=now)
        return "settled: charged, and no film" if lost else "settled: charged, and never ends"
    release_reviewed(generation, by=SYSTEM, reason=reason, now=now)
    return "released: refunded"
