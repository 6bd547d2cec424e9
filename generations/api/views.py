"""The vendor's endpoints, served by us: authenticate, read, one service call, answer."""

from typing import Any, NoReturn

from django.utils import timezone
from rest_framework.exceptions import ParseError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.roles import Permission
from accounts.selectors import project_for, require
from billing.selectors import books_of
from generations.api.addresses import TASK, meant_address, not_there
from generations.api.authentication import Caller, caller_of
from generations.api.negotiation import AlwaysJson
from generations.approvals import approve, deny
from generations.dispatch import cancel_generation
from generations.errors import TaskNotFound
from generations.models import Generation
from generations.ordering import read_reason, submit_generation, validate_request
from generations.reports import receipt_of
from generations.selectors import generation_for
from generations.task_object import task_object
from generations.uploads import (
    refuse_long_body,
    require_upload_room,
    store_upload,
    upload_url,
)
from platform_site.errors import InvalidRequest

MAX_IDEMPOTENCY_KEY = 200
PROJECT_HEADER = "X-Project"


class ApiView(APIView):
    """A view whose caller is known before anything else happens."""

    content_negotiation_class = AlwaysJson
    caller: Caller

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Recognise the caller's key."""
        super().initial(request, *args, **kwargs)
        # What an address answers is no secret, and whoever asks for it has no key at hand.
        if request.method != "OPTIONS":
            self.caller = caller_of(request)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Answer with `Allow`, which DRF adds, alone."""
        return Response(status=204)


class GenerationsView(ApiView):
    """`POST /v1/videos/generations`."""

    def post(self, request: Request) -> Response:
        """Submit one generation; answer with its task id at once."""
        now = timezone.now()
        caller = self.caller
        wanted = validate_request(
            request.data, team=caller.membership.team, now=now, known=caller.known
        )
        generation = submit_generation(
            wanted,
            by=caller.by,
            now=now,
            api_key=caller.api_key,
            project=project_for(caller.membership.team, _project_slug(request)),
            idempotency_key=_idempotency_key(request),
        )
        response = _success({"taskId": str(generation.id)})
        if generation.is_replay:
            response["Idempotent-Replayed"] = "true"
        return response


class TaskView(ApiView):
    """`GET /v1/tasks/{id}`."""

    def get(self, request: Request, task_id: str) -> Response:
        """Answer with the vendor's task object for a generation of the key's team."""
        require(self.caller.membership, Permission.VIEW)
        generation = generation_for(self.caller.membership.team, task_id)
        return Response(task_object(generation, known=self.caller.known))


class DecisionView(ApiView):
    """A manager's answer about a task that waits for approval; the body may give a `reason`."""

    def decide(self, generation: Generation, **answer: Any) -> None:
        """Approve or deny."""
        raise NotImplementedError

    def post(self, request: Request, task_id: str) -> Response:
        """Decide, and answer with the task."""
        generation = generation_for(self.caller.membership.team, task_id)
        self.decide(
            generation,
            by=self.caller.by,
            now=timezone.now(),
            reason=read_reason(request.data),
        )
        return Response(task_object(generation))


class ApproveView(DecisionView):
    """`POST /v1/tasks/{id}/approve`."""

    def decide(self, generation: Generation, **answer: Any) -> None:
        """Approve."""
        approve(generation, **answer)


class DenyView(DecisionView):
    """`POST /v1/tasks/{id}/deny`."""

    def decide(self, generation: Generation, **answer: Any) -> None:
        """Deny."""
        deny(generation, **answer)


class CancelView(ApiView):
    """`POST /v1/tasks/{id}/cancel`; the body may give a `reason`."""

    def post(self, request: Request, task_id: str) -> Response:
        """Cancel the task, or note that it is asked for, and answer with the task as it stands."""
        generation = generation_for(self.caller.membership.team, task_id)
        cancel_generation(
            generation,
            by=self.caller.by,
            now=timezone.now(),
            reason=read_reason(request.data),
        )
        return Response(task_object(generation))


class ReceiptView(ApiView):
    """`GET /v1/tasks/{id}/receipt`."""

    def get(self, request: Request, task_id: str) -> Response:
        """Answer with everything that traces the task's credits."""
        require(self.caller.membership, Permission.VIEW)
        return Response(receipt_of(generation_for(self.caller.membership.team, task_id)))


class UnknownTaskView(ApiView):
    """Anything else under `/v1/tasks/`."""

    def options(self, request: Any, *args: Any, **kwargs: Any) -> NoReturn:
        """Answer as any other method."""
        self.http_method_not_allowed(request)

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> NoReturn:
        """Answer any method as for an unknown task (P32); behind an id, name the task's address."""
        meant = meant_address(request.path)
        if meant and meant != TASK:
            raise not_there(request.path)
        raise TaskNotFound


class CreditsView(ApiView):
    """`GET /v1/credits`."""

    def get(self, request: Request) -> Response:
        """Answer with the team's usage; `balance` is what is available."""
        books = books_of(self.caller.membership.team)
        return _success(
            {
                "balance": books.available,
                "total_purchased": books.granted,
                "total_consumed": books.spent,
                "held": books.held,
            }
        )


class UploadsView(ApiView):
    """`POST /v1/uploads`."""

    parser_classes = [MultiPartParser]  # noqa: RUF012  # DRF's own form

    def post(self, request: Request) -> Response:
        """Take one image in the field `file`; answer with its link."""
        now = timezone.now()
        require_upload_room(self.caller.by, now=now)
        refuse_long_body(int(request.META.get("CONTENT_LENGTH") or 0))
        try:
            file = request.FILES.get("file")
        except ParseError:
            raise InvalidRequest(
                "The form cannot be read: its Content-Type needs the boundary, and the body each "
                "part in full.",
                field="file",
            ) from None
        if file is None:
            raise InvalidRequest("'file' is required.", field="file")
        upload = store_upload(file, by=self.caller.by, now=now)
        return _success(
            {"url": upload_url(upload), "expires_at": int(upload.expires_at.timestamp())}
        )


def _project_slug(request: Request) -> str | None:
    slug = request.headers.get(PROJECT_HEADER)
    if slug is not None and not slug.strip():
        # A script's variable that is not set must not take a film out of its project's limits.
        raise InvalidRequest(
            f"{PROJECT_HEADER} is empty. Name a project, or leave the header out.", field="project"
        )
    return slug


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= MAX_IDEMPOTENCY_KEY or not key.isprintable():
        raise InvalidRequest(
            f"Idempotency-Key has 1 to {MAX_IDEMPOTENCY_KEY} printable characters."
        )
    return key


def _success(data: dict[str, Any]) -> Response:
    return Response({"code": 200, "msg": "success", "data": data})
