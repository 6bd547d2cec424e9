"""What the vendor's usage shows beside our books."""

from generations.reconciliation.discrepancies import accept_discrepancy
from generations.reconciliation.reads import KeyStanding, open_discrepancies, standings
from generations.reconciliation.sampling import USAGE_SETTLES_WITHIN, prune_samples, sample_by
from generations.reconciliation.steps import sample_step

__all__ = [
    "USAGE_SETTLES_WITHIN",
    "KeyStanding",
    "accept_discrepancy",
    "open_discrepancies",
    "prune_samples",
    "sample_by",
    "sample_step",
    "standings",
]
