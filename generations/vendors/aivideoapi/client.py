"""The vendor's API over the wire: create a task, look at one, read the meter."""

from typing import Any
from urllib.parse import quote

import httpx

from generations.vendors.aivideoapi.facts import (
    CONNECT_SECONDS,
    CREATE_PATH,
    CREATE_SECONDS,
    CREDITS_PATH,
    KEY_START,
    LOOK_SECONDS,
    TASK_PATH,
    TASK_UNKNOWN,
    UPSTREAM_ERROR,
)
from generations.vendors.aivideoapi.refusals import kind_of_refusal
from generations.vendors.aivideoapi.wire import named_task, read_credits, read_error, read_task
from generations.vendors.base import (
    ProviderClient,
    ProviderRefused,
    ProviderUnclear,
    RefusalKind,
    TaskUnknown,
    UnclearCause,
)
from generations.vendors.http import VendorHttp, VendorReply
from generations.vendors.reading import usable_task_id
from generations.vendors.reports import CreditsReport, TaskReport
from platform_site.secrets.cipher import Secret
from platform_site.untrusted import shown

_CREATE_TIMEOUT = httpx.Timeout(CREATE_SECONDS, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
_LOOK_TIMEOUT = httpx.Timeout(LOOK_SECONDS, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)


class AiVideoApiClient(ProviderClient):
    """Speaks for one key at one endpoint."""

    def __init__(self, *, endpoint: str, secret: Secret) -> None:
        """Bind the endpoint and the key."""
        super().__init__(endpoint=endpoint, secret=secret)
        self._http = VendorHttp(secret=secret, mask=f"{KEY_START}…{secret.reveal()[-4:]}")

    def create_task(self, body: dict[str, Any]) -> str:
        """Submit one generation and return the vendor's task id; see the base class."""
        reply = _understood(
            self._http.create(
                f"{self._endpoint}{CREATE_PATH}",
                body,
                headers=self._headers(),
                timeout=_CREATE_TIMEOUT,
            )
        )
        named = named_task(reply.data) if reply.status < 300 else None
        task_id = usable_task_id(named)
        if task_id is not None:
            return task_id
        if reply.status < 300 and named is None and isinstance(reply.data, dict):
            raise ProviderRefused(
                status=503,
                code=UPSTREAM_ERROR,
                message="The reply carried no task id.",
                kind=RefusalKind.PASSING,
            )
        if named is None:
            raise reply.unclear(said=self._http.picture(reply))
        raise ProviderUnclear(
            "The vendor accepted it under an id that cannot be stored.",
            cause=UnclearCause.UNUSABLE_ID,
            status=reply.status,
            said=self._http.picture(reply),
            named_task=shown(named),
        )

    def get_task(self, task_id: str) -> TaskReport:
        """Look at one task; see the base class."""
        try:
            reply = self._look(f"{TASK_PATH}{quote(task_id, safe='')}")
        except ProviderRefused as refusal:
            if refusal.code != TASK_UNKNOWN:
                raise
            raise TaskUnknown(
                status=refusal.status,
                code=refusal.code,
                message=refusal.message,
                kind=refusal.kind,
            ) from refusal
        if reply.status != 200:
            raise reply.unclear()
        report = read_task(reply.data)
        if report.id != task_id:
            raise ProviderUnclear("The answer is about another task.")
        return report

    def get_credits(self) -> CreditsReport:
        """Read the key's meter; see the base class."""
        reply = self._look(CREDITS_PATH)
        if reply.status != 200 or not isinstance(reply.data, dict):
            raise reply.unclear()
        return read_credits(reply.data)

    def _look(self, path: str) -> VendorReply:
        url = f"{self._endpoint}{path}"
        return _understood(self._http.look(url, headers=self._headers(), timeout=_LOOK_TIMEOUT))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secret.reveal()}"}


def _understood(reply: VendorReply) -> VendorReply:
    """Return a reply that is no refusal. Raises `ProviderRefused` for the vendor's envelope."""
    refusal = read_error(reply.data)
    if reply.status < 400 or refusal is None:
        return reply
    code, message = refusal
    kind = kind_of_refusal(status=reply.status, code=code, message=message)
    raise ProviderRefused(status=reply.status, code=code, message=message, kind=kind)
