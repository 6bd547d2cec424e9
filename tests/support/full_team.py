"""A team as full as one gets: the longest names, counts of 99 and more, one of everything."""

import json
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership, Notice, NoticeKind
from accounts.roles import Role
from generations.approvals.service import set_threshold
from generations.lifecycle import State
from generations.models import Approval, Generation
from generations.ordering.submit import Submission, submit_batch
from tests.factories import SYSTEM, bring_to, fund, make_member, make_request, make_team
from tests.support.belongings import Belongings, make_belongings

OWNER = "full@demo.example"
MANY = 99
_CHEAP: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False}


def make_full_team() -> Belongings:
    """Make the team; its owner has the email `OWNER`, no password yet, and one more team.

    Names and prompts are as long as they may be or hold one long word.
    """
    theirs = make_belongings("Full house", paused=True)
    owner, team, user = theirs.owner, theirs.owner.team, theirs.owner.user
    team.name = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch Cinematographic Guild"[
        :80
    ]
    team.save(update_fields=["name"])
    user.email, user.name = OWNER, " ".join(["Wolfeschlegelsteinhausenbergerdorff"] * 3)
    user.save(update_fields=["email", "name"])
    make_member(make_team("Zweite Heimat"), Role.MEMBER, user=user)
    fund(team, 12_345_678)
    set_threshold(team=team, above=0, by=SYSTEM)
    asking = _submit(owner, "Longword" * 40)
    set_threshold(team=team, above=None, by=SYSTEM)
    in_review = _submit(owner, "Word" * 100)
    with transaction.atomic():
        Approval.objects.filter(generation__in=asking).update(next_mail_at=None)
        for number, generation in enumerate(in_review):
            bring_to(generation, State.NEEDS_REVIEW, now=timezone.now())
            _notify(owner, number)
    return theirs


def print_full_team(password: str) -> None:
    """Make the team, let its owner sign in by `password`, and print the ids of its rows."""
    theirs = make_full_team()
    theirs.owner.user.set_password(password)
    theirs.owner.user.save(update_fields=["password"])
    rows = ("doubtful", "waiting", "queued", "lost", "kept", "endpoint", "delivery")
    print(json.dumps({name: str(getattr(theirs, name).pk) for name in rows}))


def _submit(owner: Membership, prompt: str) -> list[Generation]:
    request = make_request(owner.team, prompt, **_CHEAP)
    return submit_batch([Submission(request)] * MANY, by=By.member(owner), now=timezone.now())


def _notify(owner: Membership, number: int) -> None:
    Notice.objects.create(
        team=owner.team,
        user=owner.user,
        kind=NoticeKind.WALLET_LOW,
        title="Longword" * 20,
        body="https://example.org/" + "path" * 60,
        path="/budgets/",
        dedupe_key=f"full {number}",
        created_at=timezone.now(),
    )
