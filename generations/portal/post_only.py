"""Addresses that only take forms, and where they lead somebody who merely opens them."""

from collections.abc import Callable
from functools import wraps

from django.http import (
    HttpRequest,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.urls import reverse

View = Callable[..., HttpResponseBase]


def post_only(page: str, *names: str) -> Callable[[View], View]:
    """Let only POST in; lead a GET to `page`, which takes the path's arguments `names`.

    A refused form leaves the browser here, and so do a reload, a bookmark and the sign-in page's
    `next`: none of them means to send the form again.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if request.method in {"GET", "HEAD"}:
                return HttpResponseRedirect(
                    reverse(page, kwargs={name: kwargs[name] for name in names})
                )
            if request.method != "POST":
                return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
            return view(request, *args, **kwargs)

        return guarded

    return decorate
