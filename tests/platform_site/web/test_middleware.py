"""What is taken out of every request before a view sees it."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from platform_site.web.middleware import CleanQueryMiddleware


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("q=%00", {"q": [""]}),
        ("q=a%00b&state__exact=%00", {"q": ["ab"], "state__exact": [""]}),
        ("q=%2500", {"q": ["%00"]}),
        ("q=lake&q=sea", {"q": ["lake", "sea"]}),
        ("", {}),
    ],
)
def test_f17_no_query_holds_what_the_database_cannot_be_asked(
    query: str, seen: dict[str, list[str]]
) -> None:
    queries: list[dict[str, list[str]]] = []

    def answer(request: HttpRequest) -> HttpResponse:
        queries.append(dict(request.GET.lists()))
        return HttpResponse()

    CleanQueryMiddleware(answer)(RequestFactory().get("/", QUERY_STRING=query))
    assert queries == [seen]
