"""Secrets rest encrypted and are never shown (P33)."""

import base64
import copy
import json
import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_site.secrets.cipher import (
    InvalidKeyring,
    Keyring,
    Secret,
    Undecryptable,
    UnknownKey,
)
from tests.support.vault_keys import generate_key

AAD = "generations_providerkey:secret:7"
OLD, NEW = generate_key(), generate_key()
RING = Keyring.parse(f"new:{NEW},old:{OLD}")
OLD_RING = Keyring.parse(f"old:{OLD}")
TOKEN = RING.encrypt("sk-upstream", AAD)


def length(text: str) -> str:
    """Name a case: the keys are fresh in every process of a parallel run, its length is not."""
    return f"{len(text)} characters"


@given(st.text(), st.text())
def test_what_was_encrypted_decrypts_at_the_same_place(plaintext: str, aad: str) -> None:
    assert RING.decrypt(RING.encrypt(plaintext, aad), aad).reveal() == plaintext


def test_a_token_names_its_version_and_key_and_hides_the_rest() -> None:
    version, key_id, sealed = TOKEN.split(".")

    assert (version, key_id) == ("v1", "new")
    assert len(base64.urlsafe_b64decode(sealed + "==")) == 12 + len("sk-upstream") + 16
    assert "=" not in TOKEN


def test_the_same_secret_never_makes_the_same_token() -> None:
    assert len({RING.encrypt("x", AAD) for _ in range(100)}) == 100


def test_a_token_moved_to_another_row_does_not_decrypt() -> None:
    with pytest.raises(Undecryptable):
        RING.decrypt(TOKEN, "generations_providerkey:secret:8")


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii"))
def test_a_token_with_one_character_changed_does_not_decrypt(place: int, character: str) -> None:
    altered = TOKEN[:place] + character + TOKEN[place + 1 :]
    if altered == TOKEN:
        return
    with pytest.raises((Undecryptable, UnknownKey)):
        RING.decrypt(altered, AAD)


def test_a_token_has_one_spelling_only() -> None:
    token = RING.encrypt("12 character", AAD)
    spare_bits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same_bytes = token[:-1] + spare_bits[spare_bits.index(token[-1]) + 1]

    with pytest.raises(Undecryptable):
        RING.decrypt(same_bytes, AAD)


@pytest.mark.parametrize(
    "token", ["", "v1", "v1.new.", "v2" + TOKEN[2:], TOKEN + "=", "v1.new.AAAA"], ids=length
)
def test_a_malformed_token_does_not_decrypt(token: str) -> None:
    with pytest.raises(Undecryptable):
        RING.decrypt(token, AAD)
    with pytest.raises(Undecryptable):
        RING.needs_rotation(token)


def test_a_token_of_a_key_that_is_gone_says_which() -> None:
    with pytest.raises(UnknownKey, match="new"):
        OLD_RING.decrypt(TOKEN, AAD)


def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    token = OLD_RING.encrypt(Secret("sk-old"), AAD)

    assert RING.encrypt("sk-new", AAD).startswith("v1.new.")
    assert RING.decrypt(token, AAD).reveal() == "sk-old"


def test_rotating_moves_a_token_to_the_first_key_and_twice_changes_nothing() -> None:
    token = OLD_RING.encrypt("sk-old", AAD)
    assert RING.needs_rotation(token)

    rotated = RING.rotate(token, AAD)

    assert rotated.startswith("v1.new.")
    assert not RING.needs_rotation(rotated)
    assert RING.rotate(rotated, AAD) == rotated
    assert RING.decrypt(rotated, AAD).reveal() == "sk-old"


def test_a_token_is_not_rotated_away_from_its_place() -> None:
    with pytest.raises(Undecryptable):
        RING.rotate(OLD_RING.encrypt("sk-old", AAD), "elsewhere")


@pytest.mark.parametrize(
    "text",
    [
        "",
        NEW,
        f":{NEW}",
        f"UPPER:{NEW}",
        f"{'a' * 17}:{NEW}",
        f"a.b:{NEW}",
        f"a:{NEW},",
        f"a:{NEW},a:{OLD}",
        "a:!!!!",
        f"a:{base64.b64encode(b'short').decode()}",
        f"a:{NEW[:-4]}",
    ],
    ids=length,
)
def test_a_malformed_keyring_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidKeyring) as caught:
        Keyring.parse(text)

    assert NEW not in str(caught.value)
    assert OLD not in str(caught.value)


def test_keys_are_read_in_both_base64_alphabets() -> None:
    raw = b"\xfb\xff" * 16
    standard, urlsafe = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()

    token = Keyring.parse(f"a:{standard}").encrypt("x", AAD)

    assert standard != urlsafe
    assert Keyring.parse(f"a:{urlsafe}").decrypt(token, AAD).reveal() == "x"


def test_p33_a_keyring_never_shows_its_keys() -> None:
    shown = f"{RING!r} {RING} {RING!s:>80}"

    assert "new, old" in shown
    assert NEW not in shown
    assert OLD not in shown
    with pytest.raises(TypeError):
        pickle.dumps(RING)


def test_p33_a_secret_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret("sk-upstream")

    logging.getLogger("test").warning("key %s %r %s", secret, secret, {"key": secret})

    assert repr(secret) == "Secret(…)"
    assert str(secret) == f"{secret}" == f"{secret:>20}" == "•••"
    assert "sk-upstream" not in caplog.text + "%s" % secret + "{0!s:20}".format(secret)  # noqa: UP031, UP030, UP032
    assert not hasattr(secret, "__dict__")


def test_p33_a_secret_is_neither_pickled_nor_serialised() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret("x"))
    with pytest.raises(TypeError):
        json.dumps({"key": Secret("x")})


def test_a_secret_compares_hashes_and_copies_by_value() -> None:
    assert Secret("x") == Secret("x") != Secret("y")
    assert Secret("x") != "x"
    assert len({Secret("x"), Secret("x")}) == 1
    assert copy.deepcopy({"key": Secret("x")})["key"].reveal() == "x"
    assert Secret("x")
    assert not Secret("")
