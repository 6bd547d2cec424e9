"""System checks: each mistake in the configuration has an id and a hint."""

from typing import Any

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from platform_site.environment import problems, url_of
from platform_site.stores.settings import S3

# One of them looks whether stored keys open.
pytestmark = pytest.mark.django_db

SOUND: dict[str, Any] = {
    "PUBLIC_URL": "https://dailies.example",
    "TRUSTED_PROXIES": ["10.0.0.5"],
    "ALLOWED_HOSTS": ["dailies.example"],
    "EMAIL_HOST": "mail.dailies.example",
}


def found(settings: Settings, **changes: Any) -> set[str]:
    """Return the ids of our own complaints under these settings."""
    for name, value in {**SOUND, **changes}.items():
        setattr(settings, name, value)
    complaints = [
        message
        for message in run_checks(include_deployment_checks=True)
        if (message.id or "").startswith("dailies.")
    ]
    assert all(message.hint for message in complaints)
    return {message.id or "" for message in complaints}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"VAULT_KEYS": ""}, "E001"),
        ({"VAULT_KEYS": "k1:short"}, "E001"),
        ({"PUBLIC_URL": "dailies.example"}, "E002 W001 W003"),
        ({"PROVIDER_URL": "ftp://vendor.example"}, "E002"),
        ({"PROVIDER_URL": ""}, ""),
        ({"SANDBOX_URL": ""}, "E002"),
        ({"TRUSTED_PROXIES": ["everybody"]}, "E003"),
        ({"OUTBOUND_ALLOW": ["receiver.example"]}, "E003"),
        ({"PUBLIC_URL": "http://dailies.example"}, "W001"),
        ({"PUBLIC_URL": "http://dailies.example", "TRUSTED_PROXIES": []}, "W001"),
        ({"TRUSTED_PROXIES": []}, "W002"),
        ({"S3": S3(bucket="films")}, ""),
        ({"S3": S3(bucket="films", access_key_id="a", secret_access_key="b")}, ""),
        ({"S3": S3(endpoint_url="https://s3.example")}, "E020"),
        ({"S3": S3(bucket="films", access_key_id="a")}, "E020"),
        ({"S3": S3(bucket="films", secret_access_key="b")}, "E020"),
        ({"S3": S3(bucket="films", endpoint_url="s3.example")}, "E020"),
        ({"S3": S3(bucket="films", addressing="sideways")}, "E020"),
    ],
    ids=str,
)
def test_each_mistake_has_its_id(
    settings: Settings, changes: dict[str, Any], expected: str
) -> None:
    assert found(settings, **changes) == {f"dailies.{number}" for number in expected.split()}


def test_a_variable_that_cannot_be_read_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(problems, "PORT", "'many' is no number")
    assert found(settings) == {"dailies.E004"}


@pytest.mark.parametrize("name", ["PUBLIC_URL", "PROVIDER_URL", "SANDBOX_URL"])
@pytest.mark.parametrize("url", ["http://[", "https://[::1", "http://]/"])
def test_f17_an_address_that_cannot_be_taken_apart_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    monkeypatch.setenv(name, url)
    monkeypatch.delitem(problems, name, raising=False)
    assert url_of(name, "https://dailies.example") == "https://dailies.example"
    assert problems.pop(name)


def test_a_data_folder_that_is_not_there_is_told(settings: Settings, tmp_path: Any) -> None:
    assert found(settings, DATA_DIR=tmp_path / "gone") == {"dailies.E010"}


@pytest.mark.parametrize(
    "url",
    [
        "https://dailies.example/studio",
        "https://dailies.example/a/b/",
        "https://dailies.example?x=1",
        "https://dailies.example?",
        "https://dailies.example#top",
        "https://ada@dailies.example",
        "https://ada:secret@dailies.example",
        "https://dailies.example:port",
        "https://dailies.example:0",
        "https://dailies example",
        "https://",
    ],
)
def test_f7_f17_a_public_url_that_would_half_work_is_an_error(settings: Settings, url: str) -> None:
    assert "dailies.E002" in found(settings, PUBLIC_URL=url)


def test_f7_a_vendors_address_may_have_a_path(settings: Settings) -> None:
    assert found(settings, PROVIDER_URL="https://gateway.example/seedance") == set()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"PUBLIC_URL": "https://127.0.0.1"}, "W003"),
        ({"PUBLIC_URL": "https://dailies.local"}, "W003"),
        ({"PUBLIC_URL": "http://localhost:8000"}, "W001 W003"),
        ({"TRUSTED_PROXIES": ["0.0.0.0/0"]}, "W004"),
        ({"TRUSTED_PROXIES": ["::/0"]}, "W004"),
        ({"TRUSTED_PROXIES": ["10.0.0.5", "0.0.0.0/1"]}, "W004"),
        ({"TRUSTED_PROXIES": ["2000::/3"]}, "W004"),
        ({"TRUSTED_PROXIES": ["10.0.0.0/8", "172.16.0.0/12", "fd00::/8"]}, ""),
        ({"TRUSTED_PROXIES": ["104.16.0.0/13", "2a06:98c0::/29"]}, ""),
        ({"ALLOWED_HOSTS": ["*"]}, "W005"),
        ({"ALLOWED_HOSTS": ["dailies.example", "*"]}, "W005"),
        ({"ALLOWED_HOSTS": ["."]}, "W005"),
        ({"ALLOWED_HOSTS": [".dailies.example"]}, ""),
        ({"PROVIDER_URL": "http://vendor.example"}, "W006"),
        ({"PROVIDER_URL": "http://127.0.0.1:8801"}, ""),
        ({"PROVIDER_URL": "https://vendor.example"}, ""),
        ({"SANDBOX_URL": "http://sandbox.example"}, "W006"),
        ({"S3": S3(bucket="films", endpoint_url="http://s3.example")}, "W006"),
        ({"S3": S3(bucket="films", endpoint_url="http://minio:9000")}, ""),
        ({"RESULT_HOSTS": ["*"]}, "W007"),
        ({"RESULT_HOSTS": ["."]}, "W007"),
        ({"RESULT_HOSTS": [".com"]}, "W007"),
        ({"RESULT_HOSTS": ["*.volces.com"]}, "W007"),
        ({"RESULT_HOSTS": ["file.example", ".volces.com"]}, ""),
        ({"EMAIL_HOST": ""}, "W008"),
        ({"EMAIL_HOST": "", "PUBLIC_URL": "http://127.0.0.1:8000"}, "W001 W003"),
        ({"DEBUG": True}, "W009"),
    ],
    ids=str,
)
def test_f17_what_leaves_an_installation_open_is_said_before_it_is_deployed(
    settings: Settings, changes: dict[str, Any], expected: str
) -> None:
    assert found(settings, **changes) == {f"dailies.{number}" for number in expected.split()}


def test_f17_none_of_it_keeps_a_site_on_ones_own_machine_from_starting(settings: Settings) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "http://127.0.0.1:8000", ["127.0.0.1"]
    settings.TRUSTED_PROXIES, settings.EMAIL_HOST = [], ""
    assert run_checks() == []
