"""A person at the portal: signs in, and finds the forms that pages have."""

import html
import re
from urllib.parse import urlencode

import httpx

from tests.bench.load import Request
from tests.bench.sites.installation import RunningSite

_TAG = re.compile(r"<(input|select|option|textarea|form)\b([^>]*)>", re.DOTALL)
_ATTRIBUTE = re.compile(r"([\w-]+)(?:\s*=\s*\"([^\"]*)\")?")


class Person:
    """The demo team's owner, signed in as a browser does it."""

    def __init__(self, site: RunningSite) -> None:
        """Sign in."""
        self._http = httpx.Client(
            base_url=site.url, trust_env=False, timeout=60, follow_redirects=True
        )
        login = self._http.get("/").raise_for_status()
        fields = fields_of(login.text, "")
        fields |= {"login": site.demo["owner"]["email"], "password": site.demo["owner"]["password"]}
        self._http.post(str(login.url), data=fields, headers={"Referer": site.url})
        self.page = self._http.get("/").raise_for_status().text
        if "prompt" not in fields_of(self.page, "prompt"):
            raise RuntimeError("The demo team's owner could not sign in.")

    def studio_form(self) -> Request:
        """Return the studio's form as htmx sends it; each comes from a draft of its own."""
        fields = fields_of(self.page, "prompt")
        fields |= {
            "prompt": "A lighthouse in the evening, take {n}",
            "duration": "4",
            "resolution": "480p",
            "idempotency_key": "bench-{n}",
        }
        # Two pages never share a draft.
        fields |= {
            name: "00000000-0000-4000-8000-{n12}" for name in ("draft", "token") if name in fields
        }
        return self._form("/studio/submit/", fields, {"HX-Request": "true"})

    def retry_form(self, generation_id: str) -> Request:
        """Return the form that submits an earlier film again."""
        fields = {
            name: value
            for name, value in fields_of(self.page, "prompt").items()
            if name == "csrfmiddlewaretoken"
        }
        return self._form(f"/generations/{generation_id}/retry/", fields, {})

    def get(self, path: str, **headers: str) -> Request:
        """Return a look at a page."""
        return Request("GET", path, {"Cookie": self._cookies(), **headers})

    def read(self, path: str, **headers: str) -> httpx.Response:
        """Look at a page."""
        return self._http.get(path, headers=headers).raise_for_status()

    def _form(self, path: str, fields: dict[str, str], headers: dict[str, str]) -> Request:
        body = urlencode(fields, safe="{}")
        return Request(
            "POST",
            path,
            {
                "Cookie": self._cookies(),
                "Content-Type": "application/x-www-form-urlencoded",
                "X-CSRFToken": self._http.cookies.get("csrftoken") or "",
                **headers,
            },
            body,
        )

    def _cookies(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())


def fields_of(page: str, named: str) -> dict[str, str]:
    """Return the values of the form that has a field `named`, of any form if that is empty."""
    forms = re.findall(r"<form\b.*?</form>", page, re.DOTALL)
    [form, *_] = [one for one in forms if not named or f'name="{named}"' in one] or [""]
    fields: dict[str, str] = {}
    select = ""
    for tag, inside in _TAG.findall(form):
        found = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(inside)}
        if tag == "select":
            select = found.get("name", "")
        elif tag == "option":
            if select and (select not in fields or "selected" in found):
                fields[select] = found.get("value", "")
        elif name := found.get("name"):
            is_choice = found.get("type") in {"radio", "checkbox"}
            if not is_choice or "checked" in found:
                fields[name] = found.get("value", "on" if is_choice else "")
    return fields
