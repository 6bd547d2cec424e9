"""Refusals about money, by the vendor's codes (its error table)."""

from billing.subjects import Subject
from platform_site.errors import DailiesError, ErrorCode, ErrorType


class InsufficientCredits(DailiesError):
    """The team's wallet has too little available (402) for a batch's item at the place `item`."""

    status = 402
    code = ErrorCode.INSUFFICIENT_CREDITS
    type = ErrorType.BILLING
    message = "Your credit balance is too low. Ask an administrator to top up the wallet."
    item: int = 0


class SpendLimitExceeded(DailiesError):
    """The limit of `subject` has no room (429) for a batch's item at the place `item`."""

    status = 429
    code = ErrorCode.SPEND_LIMIT_EXCEEDED
    type = ErrorType.BILLING
    message = "Spend limit reached."
    subject: Subject | None = None
    item: int = 0


class NoRate(DailiesError):
    """No price is in force for these parameters, so nothing may be submitted (P19, P20)."""

    status = 404
    code = ErrorCode.MODEL_NOT_FOUND
    type = ErrorType.INVALID_REQUEST
    message = "This model has no price for these parameters."


class AdmissionOutdated(Exception):
    """What an admission had read changed before it was written; it must start over."""


class LedgerConflict(DailiesError):
    """A hold is closed already, or an idempotency key was used for something else."""

    status = 409
    code = ErrorCode.CONFLICT
    type = ErrorType.INVALID_REQUEST
    message = "The ledger already holds another entry for this."
