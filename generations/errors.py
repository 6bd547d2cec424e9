"""Refusals about generations, in the vendor's words (its error table)."""

from platform_site.errors import DailiesError, ErrorCode, ErrorType, InvalidRequest, NotFound


class ModelNotFound(DailiesError):
    """The model does not exist or is inactive (404)."""

    status = 404
    code = ErrorCode.MODEL_NOT_FOUND
    type = ErrorType.INVALID_REQUEST
    message = "Model does not exist or is inactive."


class TaskNotFound(NotFound):
    """No such generation, or a stranger's: the two read alike (P32)."""

    code = ErrorCode.TASK_NOT_FOUND
    message = "Task ID does not exist."


class NoProviderKey(DailiesError):
    """Neither the person nor the team has a provider key to send with (503)."""

    status = 503
    code = ErrorCode.UPSTREAM_ERROR
    type = ErrorType.UPSTREAM
    message = (
        "There is no provider key to send this with. Add your own, or ask a manager to add one "
        "for the team."
    )


class IdempotencyConflict(InvalidRequest):
    """The idempotency key was used before for another body (409)."""

    status = 409
    message = "This Idempotency-Key was used for another request."


class CallbackNotTaken(DailiesError):
    """So many proposals wait to be checked that this one cannot be kept; it comes again (503)."""

    status = 503
    message = "Too many callbacks about this task wait to be checked. Call again later."


class TaskTimeMismatch(InvalidRequest):
    """The vendor's task and the generation's submit lie too far apart; a person may know better."""


class NoProviderAnswer(DailiesError):
    """The vendor was asked and gave no clear answer, so nothing was decided (503)."""

    status = 503
    code = ErrorCode.UPSTREAM_ERROR
    type = ErrorType.UPSTREAM
    message = "The vendor gave no clear answer."
