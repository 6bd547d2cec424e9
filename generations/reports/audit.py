"""Prove that generations and the books agree, on top of billing's own proof."""

from collections.abc import Iterator

from django.db.models import F

from billing.audit import Finding, audit_books
from billing.models import Hold
from generations.lifecycle import TERMINAL, Ending, State
from generations.models import Generation


def audit_site() -> Iterator[Finding]:
    """Yield every contradiction in the books, then between generations and their holds."""
    yield from audit_books()
    yield from _terminal_generations_hold_nothing()
    yield from _outcomes_match_the_money()
    yield from _holds_have_a_generation()


def _terminal_generations_hold_nothing() -> Iterator[Finding]:
    for generation in Generation.objects.filter(state__in=TERMINAL, hold__closed_at=None):
        yield _finding("leaked hold", generation, f"{generation.state}, its hold is open")
    for generation in Generation.objects.exclude(state__in=TERMINAL).exclude(hold__closed_at=None):
        yield _finding("early close", generation, f"{generation.state}, its hold is closed")


def _outcomes_match_the_money() -> Iterator[Finding]:
    for generation in Generation.objects.exclude(credits=F("hold__amount")):
        yield _finding("price", generation, f"priced {generation.credits}, held otherwise")
    completed = Generation.objects.filter(state=State.COMPLETED)
    for generation in completed.exclude(hold__settled=F("hold__amount")):
        yield _finding("unsettled", generation, "completed, its hold was not settled")
    # A person may decide that the vendor charged for a generation that never showed a film.
    unpaid = Generation.objects.filter(state__in=[State.FAILED, State.CANCELLED]).exclude(
        ending=Ending.DECIDED_IN_REVIEW
    )
    for generation in unpaid.exclude(hold__released=F("hold__amount")):
        yield _finding("unreleased", generation, f"{generation.state}, its hold was not released")


def _holds_have_a_generation() -> Iterator[Finding]:
    owned = Generation.objects.values("hold")
    for hold in Hold.objects.filter(closed_at=None).exclude(pk__in=owned):
        yield Finding("orphan", f"hold:{hold.pk}", f"{hold} is open and nobody's")


def _finding(rule: str, generation: Generation, problem: str) -> Finding:
    return Finding(rule, f"generation:{generation.pk}", problem)
