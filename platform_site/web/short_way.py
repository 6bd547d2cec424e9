"""The short way of programs' requests: past sessions, forms and pages, which they have none of."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from platform_site.web.addresses import is_of_api


class _Chain(BaseHandler):
    """Django's own handling of a request, behind other middleware than `MIDDLEWARE`."""

    def __init__(self, paths: list[str]) -> None:
        """Build the chain, the first of `paths` outermost; none of them may look at views."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        handler: Any = convert_exception_to_response(super()._get_response)  # type: ignore[misc]
        for path in reversed(paths):
            handler = convert_exception_to_response(import_string(path)(handler))
        self.answer: Callable[[HttpRequest], HttpResponse] = handler


class ShortWayMiddleware:
    """Has requests of the API answered behind `PROGRAM_MIDDLEWARE` alone. The first of all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the long way, and build the short one."""
        self.get_response = get_response
        self._short = _Chain(settings.PROGRAM_MIDDLEWARE)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer by the way that the path takes."""
        answer = self._short.answer if is_of_api(request.path_info) else self.get_response
        return answer(request)
