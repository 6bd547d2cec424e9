"""Generations of which nobody knows how they ended, and what people decide about them."""

from generations.review.adopt import adopt_task, lacks_id, may_still_come, time_mismatch
from generations.review.corrections import (
    adjust,
    apply_late_truth,
    release_reviewed,
    settle_reviewed,
    watch_again_at,
)
from generations.review.decide import decide_review, look_now, notify_long_reviews
from generations.review.evidence import (
    Review,
    decided_lately,
    decides_reviews,
    in_review_for,
    reviews_of,
)

__all__ = [
    "Review",
    "adjust",
    "adopt_task",
    "apply_late_truth",
    "decide_review",
    "decided_lately",
    "decides_reviews",
    "in_review_for",
    "lacks_id",
    "look_now",
    "may_still_come",
    "notify_long_reviews",
    "release_reviewed",
    "reviews_of",
    "settle_reviewed",
    "time_mismatch",
    "watch_again_at",
]
