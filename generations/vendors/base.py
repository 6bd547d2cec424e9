"""What a vendor must offer, when each part of it is asked for, and what each error proves."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any, ClassVar

from generations.vendors.frames import FrameLimits
from generations.vendors.reports import CreditsReport, ReceivedCallback, TaskReport
from platform_site.secrets.cipher import Secret

USUAL_IN_FLIGHT = 20  # tasks at a vendor at once with a key of which nothing better is known


class ProviderError(Exception):
    """Base of everything that keeps an answer from being a plain success.

    `asks_to_wait` says whether the vendor was asked too much in too short a time: the same request
    is answered later, and fewer are to be sent until then.
    """

    asks_to_wait: bool = False

    def __init__(self, message: str) -> None:
        """Carry a sentence for the generation's events; never a secret."""
        self.message = message
        super().__init__(message)


class ProviderUnavailable(ProviderError):
    """The request was provably not sent: no connection, no name, no TLS.

    Of a create: nothing was accepted, nothing charged, and trying again is safe.
    """


class UnclearCause(StrEnum):
    """What kept an answer from being clear."""

    BROKEN_OFF = "broken_off"
    NO_ENVELOPE = "no_envelope"
    TOO_LARGE = "too_large"
    ENDLESS = "endless"
    UNUSABLE_ID = "unusable_id"
    UNCLEAR_ANSWER = "unclear_answer"


class RefusalKind(StrEnum):
    """What a refusal is about, which decides what becomes of the request and of its key."""

    KEY = "key"  # its account, rights or spending: whatever is sent with the key fares alike
    TOO_FAST = "too_fast"  # too many requests: the same one is taken later
    PASSING = "passing"  # the vendor's own trouble: the same one may be taken later
    CONTENT = "content"  # its moderation: the same one never is
    REQUEST = "request"  # any other fault of the request: the same one never is


class ProviderRefused(ProviderError):
    """The vendor answered in its own error envelope.

    Of a create: nothing was accepted and nothing charged. Of a look: nothing is known about the
    task. `code` is the vendor's word; `kind` is what it means, and what callers branch on.
    """

    def __init__(self, *, status: int, code: str, message: str, kind: RefusalKind) -> None:
        """Carry the HTTP status, the envelope's code and message, and what they mean."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.kind = kind
        self.asks_to_wait = kind == RefusalKind.TOO_FAST


class TaskUnknown(ProviderRefused):
    """The vendor says that the key has no such task. Only `get_task` raises it.

    That it never was created is not proven: a create may still be in progress.
    """


class ProviderUnclear(ProviderError):
    """Anything else, or no whole answer (P22, P28).

    Of a create: the vendor may have accepted it, may work, and may charge, so it is never sent
    again. Of a look: nothing is known about the task. `cause` says what was unclear; `status` is
    the HTTP status, if an answer came at all, and `error` names what broke it off. For the log, of
    an answer to a create: `said` pictures its beginning, and `named_task` the task id that it
    carries all the same.
    """

    def __init__(
        self,
        message: str,
        *,
        cause: UnclearCause = UnclearCause.UNCLEAR_ANSWER,
        status: int | None = None,
        error: str = "",
        said: str = "",
        named_task: str = "",
    ) -> None:
        """Carry what is known of the answer."""
        super().__init__(message)
        self.cause = cause
        self.status = status
        # Whatever stands before a vendor may say so too, in the one word that HTTP has for it.
        self.asks_to_wait = status == HTTPStatus.TOO_MANY_REQUESTS
        self.error = error
        self.said = said
        self.named_task = named_task


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """How a key begins: the origin it is pinned to, its name and its cap unless people say other.

    `endpoint` has no slash at its end; `max_in_flight` counts tasks at the vendor at once.
    """

    endpoint: str
    label: str = "Provider key"
    max_in_flight: int = USUAL_IN_FLIGHT


class ProviderClient(ABC):
    """Speaks to one vendor, for one key at one endpoint.

    Workers make one for a single call, and the poll's sweep one a key for its minute, whose threads
    then share it. So a client holds no state that calls change. Its methods block for as long as
    the vendor's `submit_seconds` says at most, are called outside of transactions, and may not:

    - send anything twice, or sleep between tries: whoever calls decides what an error means;
    - read or write the database, or the cache;
    - raise anything but a `ProviderError`;
    - log, or let the key stand in anything that they return or raise, not even when the vendor
      repeats it (P33).
    """

    def __init__(self, *, endpoint: str, secret: Secret) -> None:
        """Bind the endpoint (an origin without a slash at its end) and the key; send nothing."""
        self._endpoint = endpoint
        self._secret = secret

    @property
    def endpoint(self) -> str:
        """Return the origin that it speaks to."""
        return self._endpoint

    @abstractmethod
    def create_task(self, body: dict[str, Any]) -> str:
        """Submit one generation and return the vendor's task id, as `usable_task_id` takes it.

        Called once in the life of a claim, by a worker of the main queue in its main thread, after
        the claim is committed. It costs money. `body` has the shape of our own API, `callback_url`
        in it; a vendor of another shape translates it here. A connection that was used before must
        not carry it: one that the vendor closes just then would leave it unknown whether the
        generation was accepted.

        Raises `ProviderUnavailable` or `ProviderRefused` only where the vendor provably did not
        accept, and `ProviderUnclear` for everything after which it may be working, and charging.
        """

    @abstractmethod
    def get_task(self, task_id: str) -> TaskReport:
        """Return what the vendor says about one task, which must be the one asked about.

        Called most of all, by the poll's threads, many at once; and by workers that check a
        callback's id, renew a film's link, or decide a review. It costs nothing. A status that is
        not known is an error, never a guess.

        Raises `TaskUnknown` where the vendor clearly knows no such task, and the base's other
        errors; none of them says how the task ended (P28).
        """

    @abstractmethod
    def get_credits(self) -> CreditsReport:
        """Return the key's meter; a vendor without one returns a report of Nones.

        Called every few minutes a key by a worker, and to find out whether a paused key works
        again: so it must need the key, and must cost nothing. Raises the base's errors.
        """


class Vendor(ABC):
    """The facts of one vendor, and how to read what it sends. One instance a process, no state.

    Any process and thread may ask it at any time, a page among them: nothing here sends a request,
    reads the database or raises, but where it is said.
    """

    name: ClassVar[str]  # stored in rows: never changes
    title: ClassVar[str]  # what people read where there are several
    key_example: ClassVar[str]  # how its keys look, and how one that is masked begins
    key_pattern: ClassVar[str]  # a regular expression that finds its keys in any text (P33)
    sandbox_key_start: ClassVar[str] = ""  # begins keys that go to a stand-in; "": there is none
    frames: ClassVar[FrameLimits]  # the images that its models take
    link_life: ClassVar[timedelta]  # from a task's completion to the death of its links
    submit_seconds: ClassVar[int]  # the longest a create can take, all timeouts and a margin

    @abstractmethod
    def key_problem(self, secret: str) -> str:
        """Return in a sentence why a text cannot be one of its keys, or "".

        Called before a key is vaulted. The sentence must not repeat the text.
        """

    @abstractmethod
    def key_terms(self, secret: str) -> KeyTerms:
        """Return where a key is used. Called once, when it is vaulted: the answer is pinned (P25).

        `secret` is a text of which `key_problem` has nothing to say.
        """

    @abstractmethod
    def client(self, *, endpoint: str, secret: Secret) -> ProviderClient:
        """Return a client that speaks with this key at the endpoint that it was pinned to.

        Called by workers, for each send, look, sample and probe. It sends nothing yet.
        """

    @abstractmethod
    def result_hosts(self, endpoint: str) -> tuple[str, ...]:
        """Return the hosts that films of a key with this endpoint may come from (P31).

        A leading dot stands for every subdomain. Called by a worker of the films' queue before
        each fetch, and for each redirect of it.
        """

    def private_targets(self, endpoint: str) -> frozenset[str]:
        """Return the `host:port` outside the public internet that films may come from.

        Called as `result_hosts` is. None, but for a stand-in on the same machine.
        """
        return frozenset()

    @abstractmethod
    def read_callback(self, headers: Mapping[str, str], body: bytes) -> ReceivedCallback:
        """Return what a POST to one of our callback addresses claims.

        Called by the web server, for anybody's bytes: it must not raise, and is believed in
        nothing. `headers` are looked up in any case.
        """

    @abstractmethod
    def key_trouble(self, code: str) -> str:
        """Return what a refusal of `RefusalKind.KEY` means for whoever owns the key.

        The end of a sentence, full stop included; "" for a code without words. Called when a page
        shows a paused key.
        """
