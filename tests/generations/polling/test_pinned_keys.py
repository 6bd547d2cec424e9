"""Polling asks with the key, and where, a task was made, whatever becomes of inputs and keys."""

import pytest
from pytest_django import Settings

from accounts.models import Membership
from billing.selectors import books_of
from generations.lifecycle import State
from generations.models import Film, Generation, ProviderKey, VideoModel
from generations.ops.clean_up import clean_up
from generations.provider_keys.service import delete_provider_key
from tests.factories import SYSTEM, make_provider_key
from tests.support.steps import polled
from tests.support.vault_keys import generate_key
from tests.support.vendor import Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def test_p24_a_paid_job_goes_on_whatever_became_of_its_inputs(
    job: Generation, vendor: Vendor
) -> None:
    VideoModel.objects.all().delete()
    Generation.objects.update(body={"nonsense": True}, prompt="", duration=99, resolution="9p")
    vendor.finish(vendor.only_task, b"film")
    assert polled(job).state == State.COMPLETED
    assert job.metadata_differs is False
    assert books_of(job.team).spent == 70


def test_p25_a_task_is_asked_for_with_the_key_that_made_it(
    job: Generation, alice: Membership, vendor: Vendor
) -> None:
    secret = "sk-sandbox-another-of-alices-own"
    make_provider_key(alice.team, alice.user, secret=secret)
    polled(job)
    [call] = vendor.looks_at(vendor.only_task)
    assert call.headers["authorization"] != f"Bearer {secret}"
    assert call.headers["authorization"].startswith("Bearer sk-sandbox-")


def test_p25_a_task_is_asked_for_where_it_was_made(
    job: Generation, vendor: Vendor, settings: Settings
) -> None:
    settings.SANDBOX_URL = settings.PROVIDER_URL = "http://127.0.0.1:9"
    vendor.finish(vendor.only_task, b"film")
    assert polled(job).state == State.COMPLETED


def test_p25_a_deleted_key_lives_until_its_last_generation_and_film(
    job: Generation, vendor: Vendor, provider_key: ProviderKey
) -> None:
    delete_provider_key(provider_key, by=SYSTEM)
    assert is_sealed_with_secret(provider_key)
    vendor.finish(vendor.only_task, b"film")
    assert polled(job).state == State.COMPLETED
    clean_up()
    assert is_sealed_with_secret(provider_key), "a film whose link dies is asked for with it"
    Film.objects.update(state=Film.State.KEPT)
    clean_up()
    provider_key.refresh_from_db()
    assert (provider_key.state, provider_key.secret_token) == (ProviderKey.State.SEALED, "")


def is_sealed_with_secret(key: ProviderKey) -> bool:
    key.refresh_from_db()
    return key.state == ProviderKey.State.SEALED and key.secret_token != ""


def test_a_key_that_does_not_open_is_trouble_and_no_end(
    job: Generation, vendor: Vendor, settings: Settings
) -> None:
    settings.VAULT_KEYS = f"other:{generate_key()}"
    polled(job)
    assert (job.state, job.poll_failures, vendor.calls) == (State.PROCESSING, 1, [])
