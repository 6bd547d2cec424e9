"""The vendor's API over the wire: create a task, look at one, read the usage."""

from typing import Any
from urllib.parse import quote

import httpx

from generations.vendors.aivideoapi.envelope import (
    Refusal,
    named_task,
    read_refusal,
    unproven_refusal,
)
from generations.vendors.aivideoapi.facts import (
    CONNECT_SECONDS,
    CREATE_PATH,
    CREATE_SECONDS,
    CREDITS_PATH,
    KEY_START,
    LOOK_SECONDS,
    TASK_PATH,
    TASK_UNKNOWN,
)
from generations.vendors.aivideoapi.refusals import kind_of_refusal
from generations.vendors.aivideoapi.wire import holds_task, read_credits, read_task
from generations.vendors.base import (
    ProviderClient,
    ProviderRefused,
    ProviderUnclear,
    TaskUnknown,
    UnclearCause,
)
from generations.vendors.http import VendorHttp, VendorReply
from generations.vendors.reading import usable_task_id
from generations.vendors.reports import CreditsReport, TaskReport
from platform_site.secrets.cipher import Secret
from platform_site.text.untrusted import shown

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
        reply = self._http.create(
            f"{self._endpoint}{CREATE_PATH}",
            body,
            headers=self._headers(),
            timeout=_CREATE_TIMEOUT,
        )
        named = named_task(reply.data) if reply.status < 300 else None
        task_id = usable_task_id(named)
        if task_id is not None:
            return task_id
        if named is not None:
            raise ProviderUnclear(
                "The vendor accepted it under an id that cannot be stored.",
                cause=UnclearCause.UNUSABLE_ID,
                status=reply.status,
                said=self._http.picture(reply),
                named_task=shown(named),
            )
        refusal = read_refusal(reply.data, status=reply.status)
        if refusal is None and reply.status < 300:
            refusal = unproven_refusal(reply.data)
        if refusal is not None:
            raise refused(refusal)
        raise reply.unclear(said=self._http.picture(reply))

    def get_task(self, task_id: str) -> TaskReport:
        """Look at one task; see the base class."""
        reply = self._look(f"{TASK_PATH}{quote(task_id, safe='')}")
        if not (reply.status == 200 and holds_task(reply.data)):
            refusal = read_refusal(reply.data, status=reply.status)
            if refusal is not None and refusal.code == TASK_UNKNOWN:
                raise refused(refusal, TaskUnknown)
            if refusal is not None:
                raise refused(refusal)
            if reply.status != 200:
                raise reply.unclear()
        report = read_task(reply.data)
        if report.id != task_id:
            raise ProviderUnclear("The answer is about another task.")
        return report

    def get_credits(self) -> CreditsReport:
        """Read the usage of the key; see the base class."""
        reply = self._look(CREDITS_PATH)
        refusal = read_refusal(reply.data, status=reply.status)
        if refusal is not None:
            raise refused(refusal)
        if reply.status != 200 or not isinstance(reply.data, dict):
            raise reply.unclear()
        return read_credits(reply.data)

    def _look(self, path: str) -> VendorReply:
        url = f"{self._endpoint}{path}"
        return self._http.look(url, headers=self._headers(), timeout=_LOOK_TIMEOUT)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._secret.reveal()}"}


def refused(refusal: Refusal, error: type[ProviderRefused] = ProviderRefused) -> ProviderRefused:
    """Return the error for what the vendor said no with."""
    kind = kind_of_refusal(status=refusal.status, code=refusal.code, message=refusal.message)
    return error(status=refusal.status, code=refusal.code, message=refusal.message, kind=kind)
