"""Refusals about money, by the vendor's codes (its error table)."""

from billing.subjects import Subject
from platform_site.errors import DailiesError, ErrorCode, ErrorType


class InsufficientCredits(DailiesError):
    """The team's wallet has too little available (402)."""

    status = 402
    code = ErrorCode.INSUFFICIENT_CREDITS
    type = ErrorType.BILLING
    message = "Your credit balance is too low. Ask an administrator to top up the wallet."


class SpendLimitExceeded(DailiesError):
    """A spend limit of some scope has no room (429). `subject` is whose limit it is."""

    status = 429
    code = ErrorCode.SPEND_LIMIT_EXCEEDED
    type = ErrorType.BILLING
    message = "Spend limit reached."
    subject: Subject | None = None


class NoRate(DailiesError):
    """No price is in force for these parameters, so nothing may be submitted (P19, P20)."""

    status = 404
    code = ErrorCode.MODEL_NOT_FOUND
    type = ErrorType.INVALID_REQUEST
    message = "This model has no price for these parameters."


class LimitsChanged(Exception):
    """Spend limits changed while an admission counted under the old ones; it must start over."""


class LedgerConflict(DailiesError):
    """A hold is closed already, or an idempotency key was used for something else."""

    status = 409
    code = ErrorCode.CONFLICT
    type = ErrorType.INVALID_REQUEST
    message = "The ledger already holds another entry for this."
