"""The vault: secrets go in, and come out only as a bearer header to the endpoint they are for."""

import io
import re
from urllib.parse import urljoin

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts.authority import By
from accounts.models import Membership, Team, User
from accounts.roles import Role
from accounts.teams.service import set_role
from generations.models import ProviderKey
from generations.provider_keys.service import (
    add_provider_key,
    client_for,
    rotate_vault,
)
from generations.provider_keys.vault import reveal, seal
from platform_site.errors import Conflict, InvalidRequest
from platform_site.secrets.cipher import Secret, Undecryptable, UnknownKey
from tests.factories import SYSTEM, make_generation, make_provider_key, make_user
from tests.support.sending import send_now
from tests.support.vault_keys import generate_key
from tests.support.vendor import CREATE, CREDITS, Vendor, refuse

pytestmark = pytest.mark.django_db
SECRET = "sk-sandbox-top-secret-1234"


@pytest.fixture
def key(team: Team, vendor: Vendor) -> ProviderKey:
    return make_provider_key(team, secret=SECRET)


def test_p33_a_secret_is_in_no_column_of_its_row(key: ProviderKey) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM generations_providerkey")
        assert SECRET not in repr(cursor.fetchall())
    assert key.last4 == "1234"


def test_p33_a_secret_cannot_be_printed(key: ProviderKey) -> None:
    secret = reveal(key)
    assert isinstance(secret, Secret)
    assert (
        SECRET not in f"{secret!r} {secret!s} {secret} {key!r} {key} {vars(key)} {client_for(key)}"
    )
    assert secret.reveal() == SECRET


def test_a_secret_reaches_the_vendor_and_only_the_vendor(key: ProviderKey, vendor: Vendor) -> None:
    client_for(key).get_credits()
    [call] = vendor.calls_to(CREDITS)
    assert call.headers["authorization"] == f"Bearer {SECRET}"


def test_p33_a_token_in_another_row_does_not_open(key: ProviderKey, charlie: Membership) -> None:
    theirs = ProviderKey.objects.get(team=charlie.team)
    ProviderKey.objects.filter(pk=theirs.pk).update(secret_token=key.secret_token)
    theirs.refresh_from_db()
    with pytest.raises(Undecryptable):
        reveal(theirs)


def test_p33_a_token_that_was_touched_does_not_open(key: ProviderKey) -> None:
    middle = len(key.secret_token) // 2
    other = "A" if key.secret_token[middle] != "A" else "B"
    key.secret_token = key.secret_token[:middle] + other + key.secret_token[middle + 1 :]
    with pytest.raises(Undecryptable):
        reveal(key)


def test_the_same_secret_is_sealed_differently_each_time(key: ProviderKey) -> None:
    assert seal(key, SECRET) != seal(key, SECRET)


def test_a_rotation_seals_anew_and_the_old_key_may_go(
    key: ProviderKey, charlie: Membership, settings: Settings
) -> None:
    old, new = settings.VAULT_KEYS, f"k2:{generate_key()}"
    settings.VAULT_KEYS = f"{new},{old}"
    assert reveal(key).reveal() == SECRET
    printed = io.StringIO()
    call_command("rotate_vault", stdout=printed)
    assert printed.getvalue() == "2 secrets encrypted again.\n"
    assert rotate_vault() == 0
    settings.VAULT_KEYS = new
    key.refresh_from_db()
    assert reveal(key).reveal() == SECRET
    settings.VAULT_KEYS = old
    with pytest.raises(UnknownKey):
        reveal(key)


def test_a_rotation_leaves_wiped_keys_alone(key: ProviderKey, settings: Settings) -> None:
    ProviderKey.objects.update(secret_token="", state=ProviderKey.State.SEALED)
    settings.VAULT_KEYS = f"k2:{generate_key()},{settings.VAULT_KEYS}"
    assert rotate_vault() == 0


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "sk-",
        "sk-short",
        "key-0123456789",
        f"sk-{'x' * 400}",
        "sk-with a space",
        "sk-é12345678",
        "sk-0123456789\nX-Evil: 1",
        "sk-0123456789\nsk-abcdefghijk",
    ],
)
def test_what_cannot_be_a_key_is_refused_without_being_repeated(team: Team, secret: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        add_provider_key(team=team, owner=None, secret=secret, label="", by=SYSTEM)
    if len(secret) > 4:
        assert secret not in f"{caught.value} {caught.value.details}"
    assert not ProviderKey.objects.exists()


@pytest.mark.parametrize(
    "pasted",
    [
        f"\ufeff{SECRET}\u200b",
        f"“{SECRET}”",
        f"Bearer {SECRET}",
        f'Authorization: Bearer "{SECRET}"\r\n',
        f"AIVIDEO_API_KEY={SECRET}",
        f"{SECRET[:9]}\n{SECRET[9:]}\0",
    ],
    ids=ascii,
)
def test_f08_a_key_is_taken_however_it_was_pasted(team: Team, pasted: str) -> None:
    key = add_provider_key(team=team, owner=None, secret=pasted, label="", by=SYSTEM)
    assert (reveal(key).reveal(), key.last4) == (SECRET, "1234")
    assert key.label == "Sandbox key"


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("sk-0123 456789", "holds no space, as character 8 is"),
        ("sk–0123456789", "holds no en dash, as character 3 is"),
        ("ѕk-0123456789", "holds no cyrillic small letter dze, as character 1 is"),
        ("sk-0123456789\nsk-abcdefghijk", "two keys"),
        ("sk-012", "has 10 to 400 characters; this has 6"),
        ("pk-0123456789", "starts with 'sk-'"),
        ("\u200b", "Paste the key"),
    ],
    ids=ascii,
)
def test_f08_what_is_wrong_with_a_key_is_named(team: Team, pasted: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        add_provider_key(team=team, owner=None, secret=pasted, label="", by=SYSTEM)
    assert words in caught.value.message
    assert caught.value.field == "secret"


def test_f12_a_label_of_nothing_visible_is_none_and_one_with_a_key_masks_it(
    team: Team, alice: Membership
) -> None:
    first = add_provider_key(team=team, owner=None, secret=SECRET, label="\u200b\u3164", by=SYSTEM)
    assert first.label == "Sandbox key"
    own = add_provider_key(
        team=team, owner=alice.user, secret=SECRET, label=f"mine {SECRET}", by=SYSTEM
    )
    assert own.label == "mine sk-…1234"


def test_a_key_pins_the_endpoint_it_was_made_for(team: Team, settings: Settings) -> None:
    settings.PROVIDER_URL, settings.SANDBOX_URL = "https://vendor.example", "http://127.0.0.1:1"
    sandboxed = make_provider_key(team, secret=SECRET)
    assert sandboxed.endpoint == "http://127.0.0.1:1"
    sandboxed.delete()
    real = make_provider_key(team, secret="sk-the-real-thing-0001")
    assert real.endpoint == "https://vendor.example"


def test_a_team_and_a_person_have_one_key_each(
    key: ProviderKey, team: Team, alice: Membership, bob: Membership
) -> None:
    for membership in (alice, bob):
        add_provider_key(
            team=team, owner=membership.user, secret=SECRET, label="Mine", by=By.member(membership)
        )
        with pytest.raises(Conflict):
            make_provider_key(team, membership.user)
    with pytest.raises(Conflict):
        make_provider_key(team)
    assert ProviderKey.objects.filter(team=team).count() == 3


def test_p33_no_page_and_no_admin_page_shows_a_secret(
    key: ProviderKey, alice: Membership, vendor: Vendor, admin: User
) -> None:
    """Follow every link that an administrator who is also a member sees."""
    vendor.next(CREATE, refuse(402, "insufficient_credits", f"Top up {SECRET}."))
    make_generation(alice)
    send_now()
    set_role(team=alice.team, user=admin, role=Role.OWNER, by=SYSTEM)
    client = Client()
    client.force_login(admin)
    waiting, seen = ["/", "/admin/"], set[str]()
    while waiting and len(seen) < 120:
        path = waiting.pop(0)
        seen.add(path)
        reply = client.get(path, follow=True)
        assert reply.status_code < 500, path
        if "html" in reply.headers.get("Content-Type", ""):
            page = reply.content.decode()
            assert SECRET not in page, path
            assert key.secret_token not in page, path
            links = {urljoin(path, link) for link in re.findall(r'href="([^"#]+)', page)}
            waiting += sorted(
                link
                for link in links - seen - set(waiting)
                if link.startswith("/") and not re.search("static|logout|jsi18n|[?]", link)
            )
    assert any(path.startswith("/admin/generations/providerkey/") for path in seen)
    assert len(seen) > 20


@pytest.fixture
def admin(db: None) -> User:
    return make_user("admin@studio.example", admin=True)
