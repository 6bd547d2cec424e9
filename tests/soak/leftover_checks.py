"""After everything has stopped in order: nothing is left behind, in the database or on disk."""

import os
import time
from pathlib import Path

from django.db.models import Q
from django.utils import timezone

from accounts.models import WebhookDelivery
from generations.models import Film, Generation
from platform_site.models import Lease
from tests.soak.hosts import Host
from tests.soak.reconciling import Check
from tests.soak.waiting import queued_tasks

_CLEAN_UP = "from generations.ops.clean_up import clean_up; clean_up()"
_DAYS = 3 * 86_400
# Where steps put what they work on. What is kept permanently lies elsewhere.
_WORKSHOPS = ("tmp", "partial")


def nothing_left(hosts: list[Host]) -> Check:
    """Look for processes, queued tasks, claims, leases and half-made files."""
    now = timezone.now()
    problems = [
        f"{host.name}: process {one.pid} {one.command[:80]!r}"
        for host in hosts
        for one in host.processes()
    ]
    problems += [f"queued: {name}" for name in queued_tasks()]
    problems += [
        f"lease {lease.name} of {lease.holder}"
        for lease in Lease.objects.exclude(holder="").filter(expires_at__gt=now)
    ]
    problems += [
        f"generation {one.pk} is asked for by {one.poll_holder}"
        for one in Generation.objects.exclude(poll_holder="")
    ]
    claimed = Q(state="pending", claimed_until__gt=now)
    for model in (Film, WebhookDelivery):
        problems += [
            f"{model.__name__} {one.pk} is claimed" for one in model.objects.filter(claimed)
        ]
    for host in hosts:
        problems += _left_on_disk(host)
    return Check("nothing is left behind", len(hosts), problems)


def _left_on_disk(host: Host) -> list[str]:
    """Let some days pass on the host's disk, clean up there, and return what is still there."""
    workshops = [host.folder / name for name in _WORKSHOPS]
    past = time.time() - _DAYS
    for path in _within(workshops):
        os.utime(path, (past, past))
    done = host.manage("shell", "--verbosity", "0", "--command", _CLEAN_UP)
    problems = [f"{host.name}: {path} is left" for path in _within(workshops)]
    if done.returncode:
        problems.append(f"{host.name}: cleaning up ended with {done.stderr[-300:]}")
    return problems


def _within(folders: list[Path]) -> list[Path]:
    return [path for folder in folders for path in sorted(folder.rglob("*"), reverse=True)]
