"""Encrypt small secrets at rest: AES-256-GCM with named keys (P33).

A token is ``v1.<key id>.<base64url(nonce + ciphertext + tag)>``, without padding. The associated
data says where the secret lives ("table:column:pk"), so that a token copied to another row does
not decrypt there. The cipher is the ``cryptography`` package's; nothing here is home-made but the
token's form. Nonces are 96 random bits: keep below 2**32 tokens a key (NIST SP 800-38D §8.3).
"""

import base64
import binascii
import hmac
import os
import re
from typing import Never, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.views.decorators.debug import sensitive_variables

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16

_KEY_ID = re.compile(r"[a-z0-9-]{1,16}")
_TOKEN = re.compile(r"v1\.([a-z0-9-]{1,16})\.([A-Za-z0-9_-]+)")
_MASK = "•••"


class CipherError(Exception):
    """Base of what a keyring raises. Messages never hold key, plaintext or token."""


class InvalidKeyring(CipherError, ValueError):
    """The text that should describe the keys does not."""


class UnknownKey(CipherError):
    """The token names a key that is not on the ring."""


class Undecryptable(CipherError):
    """The token is malformed, was altered, or belongs to other associated data."""


class Secret:
    """Carry a string that must not be shown: not printed, logged, formatted or pickled.

    ``repr`` says ``Secret(…)``, ``str`` and ``format`` say ``•••``; `reveal` is the one way in,
    easy to search for. Comparison takes constant time.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the string itself. Keep it out of variables that outlive the call."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> str:
        return _MASK

    def __format__(self, format_spec: str) -> str:
        return _MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("A Secret is not pickled.")


class Keyring:
    """Hold named keys: the first encrypts, all decrypt. Immutable and safe to share by threads."""

    __slots__ = ("_ciphers", "_primary")

    @sensitive_variables("keys")
    def __init__(self, keys: dict[str, bytes]) -> None:
        """Take keys by id, the encrypting one first.

        Raises:
            InvalidKeyring: There is none, an id is not 1 to 16 of ``a-z 0-9 -``, or a key is not
                32 bytes.
        """
        if not keys:
            raise InvalidKeyring("There are no keys.")
        for number, (key_id, key) in enumerate(keys.items(), start=1):
            # The id is not repeated: a slip may have put the key in its place.
            if not _KEY_ID.fullmatch(key_id):
                raise InvalidKeyring(f"The id of key {number} is not 1 to 16 of a-z, 0-9 and -.")
            if len(key) != KEY_BYTES:
                raise InvalidKeyring(f"Key {number} is not {KEY_BYTES} bytes long.")
        self._primary = next(iter(keys))
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}

    @classmethod
    @sensitive_variables()
    def parse(cls, text: str) -> Self:
        """Read ``id1:base64key,id2:base64key`` (either base64 alphabet, padded).

        Raises:
            InvalidKeyring: The text has another form, or an id comes twice.
        """
        keys: dict[str, bytes] = {}
        for number, entry in enumerate(text.split(","), start=1):
            key_id, colon, encoded = entry.strip().partition(":")
            if not colon:
                raise InvalidKeyring(f"Key {number} is not written as id:key.")
            if key_id in keys:
                raise InvalidKeyring(f"The id of key {number} was there before.")
            try:
                keys[key_id] = base64.b64decode(
                    encoded.replace("-", "+").replace("_", "/"), validate=True
                )
            except (binascii.Error, ValueError):
                raise InvalidKeyring(f"Key {number} is not base64.") from None
        return cls(keys)

    @sensitive_variables()
    def encrypt(self, plaintext: str | Secret, aad: str) -> str:
        """Encrypt under the first key, bound to ``aad`` ("table:column:pk"). Return the token."""
        value = plaintext.reveal() if isinstance(plaintext, Secret) else plaintext
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._primary].encrypt(nonce, value.encode(), aad.encode())
        return f"v1.{self._primary}.{_encoded(nonce + sealed)}"

    @sensitive_variables()
    def decrypt(self, token: str, aad: str) -> Secret:
        """Decrypt a token made with the same ``aad``.

        Raises:
            UnknownKey: The token's key is not on the ring.
            Undecryptable: The token is malformed, altered, or bound to something else.
        """
        key_id, sealed = _split(token)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnknownKey(f"No key on the ring is called {key_id}.")
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return Secret(cipher.decrypt(nonce, ciphertext, aad.encode()).decode())
        except (InvalidTag, UnicodeDecodeError):
            raise Undecryptable("The token was altered or belongs to something else.") from None

    def needs_rotation(self, token: str) -> bool:
        """Return whether a token is under any key but the first.

        Raises:
            Undecryptable: The token is malformed.
        """
        return _split(token)[0] != self._primary

    def rotate(self, token: str, aad: str) -> str:
        """Return the token under the first key: the same one if it is already.

        Raises:
            UnknownKey, Undecryptable: As `decrypt`.
        """
        if not self.needs_rotation(token):
            return token
        return self.encrypt(self.decrypt(token, aad), aad)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._ciphers)})"

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError("A Keyring is not pickled.")


def _encoded(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")


def _split(token: str) -> tuple[str, bytes]:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise Undecryptable("The token has another form.")
    try:
        sealed = base64.urlsafe_b64decode(match[2] + "=" * (-len(match[2]) % 4))
    except binascii.Error:
        raise Undecryptable("The token has another form.") from None
    # Unused bits at the end would let two texts be one token.
    if len(sealed) < NONCE_BYTES + TAG_BYTES or _encoded(sealed) != match[2]:
        raise Undecryptable("The token has another form.")
    return match[1], sealed
