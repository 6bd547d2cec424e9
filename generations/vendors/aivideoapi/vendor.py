"""The vendor as the registry knows it: its facts behind the base class."""

import unicodedata
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from django.conf import settings

from generations.vendors.aivideoapi import facts
from generations.vendors.aivideoapi.client import AiVideoApiClient
from generations.vendors.aivideoapi.wire import posted_task_id
from generations.vendors.base import KeyTerms, Vendor
from generations.vendors.reading import read_json, usable_task_id
from generations.vendors.reports import ReceivedCallback
from platform_site.secrets.cipher import Secret


class AiVideoApi(Vendor):
    """The vendor that Dailies began with, and whose API ours follows; with the sandbox beside it.

    An operator may set its address (PROVIDER_URL) and the hosts of its films (RESULT_HOSTS).
    """

    name: ClassVar = facts.NAME
    title: ClassVar = facts.TITLE
    key_example: ClassVar = f"{facts.KEY_START}…"
    key_pattern: ClassVar = facts.KEY_PATTERN
    sandbox_key_start: ClassVar = facts.SANDBOX_KEY_START
    frames: ClassVar = facts.FRAMES
    link_life: ClassVar = facts.LINK_LIFE
    submit_seconds: ClassVar = facts.SUBMIT_SECONDS

    def key_problem(self, secret: str) -> str:
        """Return why a text is no `sk-…` of its."""
        start = facts.KEY_START
        if not secret:
            return f"Paste the key: it starts with '{start}'."
        if "\n" in secret:
            return "There are two keys in this. Paste one of them."
        odd = next((at for at, one in enumerate(secret) if not "!" <= one <= "~"), None)
        if odd is not None:
            sign = unicodedata.name(secret[odd], "a control character").lower()
            return f"A provider key holds no {sign}, as character {odd + 1} is. Copy it again."
        if not secret.startswith(start):
            return f"A provider key starts with '{start}'."
        if not facts.SHORTEST_KEY <= len(secret) <= facts.LONGEST_KEY:
            usual = f"{facts.SHORTEST_KEY} to {facts.LONGEST_KEY}"
            return f"A provider key has {usual} characters; this has {len(secret)}. Copy it again."
        return ""

    def key_terms(self, secret: str) -> KeyTerms:
        """Return the vendor's address, or the sandbox's for a key that starts as its do."""
        if secret.startswith(facts.SANDBOX_KEY_START):
            return KeyTerms(
                endpoint=settings.SANDBOX_URL,
                label="Sandbox key",
                max_in_flight=facts.SANDBOX_IN_FLIGHT,
            )
        return KeyTerms(endpoint=settings.PROVIDER_URL or facts.ENDPOINT)

    def client(self, *, endpoint: str, secret: Secret) -> AiVideoApiClient:
        """Return a client for the key."""
        return AiVideoApiClient(endpoint=endpoint, secret=secret)

    def result_hosts(self, endpoint: str) -> tuple[str, ...]:
        """Return the vendor's hosts, or the sandbox's own for its keys."""
        if endpoint == settings.SANDBOX_URL:
            return (urlsplit(endpoint).hostname or "",)
        return tuple(settings.RESULT_HOSTS) or facts.RESULT_HOSTS

    def private_targets(self, endpoint: str) -> frozenset[str]:
        """Return the sandbox's own address for its keys."""
        if endpoint == settings.SANDBOX_URL:
            return frozenset({urlsplit(endpoint).netloc})
        return frozenset()

    def read_callback(self, headers: Mapping[str, str], body: bytes) -> ReceivedCallback:
        """Read the task object that it posts, and its headers."""
        task_id = posted_task_id(read_json(body)) or usable_task_id(headers.get(facts.ID_HEADER))
        return ReceivedCallback(task_id or "", headers.get(facts.EVENT_HEADER, ""))

    def key_trouble(self, code: str) -> str:
        """Say it by the vendor's error table."""
        return facts.KEY_TROUBLE.get(code, "")
