"""System checks: each mistake in the configuration has an id and a hint."""

from typing import Any

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from platform_site.environment import problems
from platform_site.stores.settings import S3

SOUND: dict[str, Any] = {
    "PUBLIC_URL": "https://dailies.example",
    "TRUSTED_PROXIES": ["10.0.0.5"],
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
        ({"PUBLIC_URL": "dailies.example"}, "E002 W001"),
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


def test_a_data_folder_that_is_not_there_is_told(settings: Settings, tmp_path: Any) -> None:
    assert found(settings, DATA_DIR=tmp_path / "gone") == {"dailies.E010"}
