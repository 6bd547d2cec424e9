"""The meter of the real sandbox beside our books (P20), and `manage.py reconcile`."""

import itertools
import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Membership, Team
from generations.lifecycle import TERMINAL, State
from generations.models import Discrepancy, Generation, ProviderKey, UsageSample
from generations.models.usage_sample import UsageVerdict
from generations.reconciliation.sampling import take_sample
from tests.factories import make_generation, make_provider_key
from tests.support.api import generation_body
from tests.support.sandbox import Sandbox, running_sandbox
from tests.support.sending import send_now
from tests.support.steps import make_due, poll_due

pytestmark = pytest.mark.django_db

CHEAP: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False, "seed": 7}
SECRET = "sk-sandbox-metered-key"
_count = itertools.count(1)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all; every test has a key, and so an account, of its own."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def secret() -> str:
    """A key that the sandbox has not seen."""
    return f"{SECRET}-{next(_count):04d}"


@pytest.fixture
def key(team: Team, sandbox: Sandbox, settings: Settings, secret: str) -> ProviderKey:
    """The team's key at the sandbox, sampled once before anything happens."""
    settings.SANDBOX_URL = sandbox.url
    key = make_provider_key(team, secret=secret)
    assert sample(key, -10).is_baseline
    return key


def sample(key: ProviderKey, minutes: float) -> UsageSample:
    """Take a sample so many minutes from now, as our clock has it."""
    now: datetime = timezone.now() + timedelta(minutes=minutes)
    taken = take_sample(ProviderKey.objects.get(pk=key.pk), now=now)
    assert taken is not None
    return taken


def confirmed(key: ProviderKey) -> UsageSample:
    """Take two samples and return the second, which confirms what the first showed."""
    sample(key, 1)
    return sample(key, 2)


def sent(member: Membership, prompt: str) -> Generation:
    """Send one generation and follow it as far as it goes."""
    generation = make_generation(member, prompt=prompt, **CHEAP)
    send_now()
    give_up_at = time.monotonic() + 60
    while True:
        generation.refresh_from_db()
        if generation.state in {*TERMINAL, State.NEEDS_REVIEW}:
            return generation
        assert time.monotonic() < give_up_at, generation.state
        make_due(generation)
        poll_due()
        time.sleep(0.1)


def reconcile(*arguments: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it printed."""
    out = StringIO()
    try:
        call_command("reconcile", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_p20_successes_and_failures_agree_with_the_sandbox(
    alice: Membership, key: ProviderKey, sandbox: Sandbox
) -> None:
    assert sent(alice, "A stable lake").state == State.COMPLETED
    assert sent(alice, "A stable lake [sandbox:fail]").state == State.FAILED
    seen = confirmed(key)
    assert (seen.verdict, seen.discrepancy, seen.is_baseline) == (UsageVerdict.AGREES, 0, True)
    assert (seen.charged, seen.refunded, seen.total_consumed) == (24, 12, 12)
    assert seen.reading == "net"
    mine = [task for task in sandbox.books()["tasks"] if task["key_last4"] == key.last4]
    assert sum(task["credits"] for task in mine if not task["refunded"]) == seen.total_consumed
    assert reconcile()[0] == 0


def test_p20_a_lost_reply_is_a_discrepancy_that_names_its_generation(
    alice: Membership, key: ProviderKey
) -> None:
    lost = sent(alice, "A stable lake [sandbox:lost-reply]")
    assert lost.state == State.NEEDS_REVIEW
    assert confirmed(key).verdict == UsageVerdict.UNKNOWN_SUBMIT
    discrepancy = Discrepancy.objects.get()
    assert (discrepancy.credits, discrepancy.candidates) == (12, [str(lost.pk)])
    code, text = reconcile()
    assert code == 1
    assert f"candidate: generation {lost.pk}" in text
    lost.refresh_from_db()
    assert lost.hold.is_open


def test_p13_a_submit_that_never_arrived_leaves_the_meter_where_it_was(
    alice: Membership, key: ProviderKey
) -> None:
    lost = sent(alice, "A stable lake [sandbox:500-bare]")
    assert lost.state == State.NEEDS_REVIEW
    assert confirmed(key).verdict == UsageVerdict.AGREES
    assert lost.events.filter(kind="usage_still").exists()
    assert not Discrepancy.objects.exists()


def test_p20_use_outside_dailies_is_a_discrepancy_without_candidates(
    alice: Membership, key: ProviderKey, sandbox: Sandbox, secret: str
) -> None:
    sent(alice, "A stable lake")
    assert sandbox.post(secret, generation_body("By hand", duration=6)).status_code == 200
    assert confirmed(key).verdict == UsageVerdict.USED_OUTSIDE
    code, text = reconcile("--json")
    report = json.loads(text)
    assert (code, report["ok"]) == (1, False)
    [row] = report["keys"]
    assert row["ours"]["charged"] == 12
    assert row["vendor"]["total_consumed"] == 96
    [discrepancy] = row["discrepancies"]
    assert (discrepancy["credits"], discrepancy["verdict"], discrepancy["candidates"]) == (
        84,
        "used_outside",
        [],
    )
    assert secret not in text


def test_a_key_that_was_never_sampled_is_shown_as_such(team: Team) -> None:
    make_provider_key(team)
    code, text = reconcile()
    assert (code, "no usage samples yet" in text) == (0, True)
    [row] = json.loads(reconcile("--json")[1])["keys"]
    assert (row["samples"], row["ours"], row["vendor"], row["discrepancies"]) == (0, None, None, [])
