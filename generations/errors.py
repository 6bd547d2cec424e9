"""Refusals about generations, in the vendor's words (its error table)."""

from platform_site.errors import DailiesError, ErrorCode, ErrorType, InvalidRequest, NotFound


class InvalidInput(InvalidRequest):
    """A field of a request's `input` is missing or wrong (400).

    `name` is that field as the request has it, such as `image_urls[0]`, or a parameter's alias.
    The message says it in the API's words; other doors say it in theirs with `about`.
    """

    def __init__(self, name: str, says: str, *, joint: str = " ", field: str | None = None) -> None:
        """Carry the field and what is wrong with it: `says` goes on after its name and `joint`.

        `field` is what the form or the client calls it, where that is not `name`.
        """
        self.name = name
        self._rest = f"{joint}{says}"
        super().__init__(self.about(f"'input.{name}'"), field=field or name)

    def about(self, subject: str) -> str:
        """Return the refusal as a sentence, with `subject` for the field."""
        return f"{subject}{self._rest}"


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
        "You need a provider key to create films. Add your own, or ask a manager to add one for "
        "the team."
    )

    @property
    def is_final(self) -> bool:
        """Return true, unlike for other troubles of ours: a person has to add a key first."""
        return True


class TooManyUploads(DailiesError):
    """The team has handed in as many images as it may at a time (429)."""

    status = 429
    code = ErrorCode.UPLOAD_LIMIT_EXCEEDED
    type = ErrorType.RATE_LIMIT
    message = (
        "Your team has reached its limit of uploaded images. Each is deleted 2 days after its last "
        "use."
    )


class IdempotencyConflict(InvalidRequest):
    """The idempotency key was used before for another body (409)."""

    status = 409
    message = "This Idempotency-Key was used for another request."


class CallbackNotTaken(DailiesError):
    """So many proposals wait to be checked that this one cannot be kept; it comes again (503)."""

    status = 503
    message = "Too many callbacks about this task wait to be checked. Call again later."
    retry_seconds = 60


class TaskTimeMismatch(InvalidRequest):
    """The vendor's task and the generation's submit lie too far apart; a person may know better."""


class NoProviderAnswer(DailiesError):
    """The vendor was asked and gave no clear answer, so nothing was decided (503)."""

    status = 503
    code = ErrorCode.UPSTREAM_ERROR
    type = ErrorType.UPSTREAM
    message = "The vendor gave no clear answer."
    retry_seconds = 30
