"""Two views with as little in them as there can be."""

import os

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path
from django.views.decorators.http import require_safe
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from generations.models import Generation

# Filled by a loop, as pages are, up to the size that BARE_PAGE_BYTES says.
_LINE = "<li class='film'><a href='/generations/{{ one }}/'>A lighthouse in the evening</a></li>\n"
_PAGE = engines["django"].from_string(
    f"<!doctype html><title>Bare</title><ul>{{% for one in ones %}}{_LINE}{{% endfor %}}</ul>"
)
_LINES = int(os.environ.get("BARE_PAGE_BYTES", "0")) // len(_LINE) + 1


class TaskView(APIView):
    """One read by an index."""

    def get(self, _request: Request, task_id: str) -> Response:
        """Answer with the row."""
        found = Generation.objects.values("id", "state", "model", "created_at").get(pk=task_id)
        return Response(found)


@require_safe
def page(_request: HttpRequest) -> HttpResponse:
    """Render a page of the size that is asked for, without a query."""
    return HttpResponse(_PAGE.render({"ones": range(_LINES)}))


urlpatterns = [path("v1/tasks/<uuid:task_id>", TaskView.as_view()), path("", page)]
