"""A site's database and jobs in flight, for processes that measure a part of the site."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.core.management import call_command
from django.db import transaction
from django.db.models import F

from accounts.models import Membership
from billing.models import Account, Hold
from generations.lifecycle import State
from generations.models import Generation, ProviderKey
from generations.models.generation import new_token
from tests.factories import (
    fund,
    make_generation,
    make_member,
    make_provider_key,
    make_team,
)
from tests.support.working import CHEAP


def make_site(vendor_url: str) -> Membership:
    """Migrate an empty database; return a member of a funded team with a key at the vendor."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    team = make_team("Bench")
    fund(team, 10**9)
    make_provider_key(team)
    ProviderKey.objects.update(endpoint=vendor_url, next_sample_at=None)
    return make_member(team)


def jobs_in_flight(member: Membership, count: int, *, accepted_at: datetime) -> list[Generation]:
    """Return `count` jobs that the vendor works on, none of which is due.

    One is submitted; the others are copies, with holds of their own that the accounts know of.
    """
    pattern = make_generation(member, State.PROCESSING, now=accepted_at, **CHEAP)
    Generation.objects.filter(pk=pattern.pk).update(next_poll_at=None)
    jobs = [pattern, *(_copy(pattern) for _ in range(count - 1))]
    added = sum(job.credits for job in jobs[1:])
    accounts = Account.objects.filter(team=member.team)
    with transaction.atomic():
        Hold.objects.bulk_create(job.hold for job in jobs[1:])
        Generation.objects.bulk_create(jobs[1:])
        accounts.filter(kind=Account.Kind.WALLET).update(debits=F("debits") + added)
        accounts.filter(kind=Account.Kind.HELD).update(credits=F("credits") + added)
    return jobs


def make_due(jobs: Sequence[Generation], at: datetime) -> None:
    """Let jobs be due `at` a time."""
    Generation.objects.filter(pk__in=[job.pk for job in jobs]).update(
        next_poll_at=at, poll_failures=0
    )


def _copy(pattern: Generation) -> Generation:
    job: Generation = Generation.objects.get(pk=pattern.pk)
    job.pk = uuid.uuid4()
    job.upstream_id = str(job.pk)
    job.callback_token = new_token()
    job.idempotency_key = None
    job.hold = Hold(
        team=pattern.team,
        amount=pattern.credits,
        subject_kind="generation",
        subject_id=str(job.pk),
    )
    job.next_poll_at = None
    return job
