"""`manage.py set_limit` and `manage.py set_approval`: every scope, every mistake its sentence."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent, Membership
from billing.models import SpendLimit
from billing.selectors import use_of
from generations.models import ApprovalThreshold
from tests.factories import make_api_key, make_provider_key
from tests.support.desk import Desk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]
_MOST = "Enter a whole number of credits from 0 to 1,000,000,000,000."


def run(command: str, *words: str) -> str:
    """Run a command; return what it prints."""
    out = StringIO()
    call_command(command, *words, stdout=out)
    return out.getvalue().strip()


def complaint(command: str, *words: str) -> str:
    """Run a command that must refuse; return what it says."""
    with pytest.raises(CommandError) as caught:
        run(command, *words)
    return str(caught.value)


def scope_words(desk: Desk, scope: str) -> list[str]:
    """Return the arguments that name one scope of the desk."""
    return {
        "team": [],
        "member": ["--member", "BOB@studio.example"],
        "api_key": ["--api-key", desk.api_key.label],
        "provider_key": ["--provider-key", desk.provider_key.last4],
        "project": ["--project", "launch"],
    }[scope]


@pytest.mark.parametrize("window", ["hour", "day", "week", "month", "total"])
@pytest.mark.parametrize("scope", ["team", "member", "api_key", "provider_key", "project"])
def test_set_limit_caps_and_lifts_every_scope_and_window(
    desk: Desk, scope: str, window: str
) -> None:
    desk.submit()
    words = [desk.team.slug, "--window", window, *scope_words(desk, scope)]
    printed = run("set_limit", *words, "--credits", "500")
    assert printed.startswith(f"{desk.target(scope)}: 500 credits")
    limit = SpendLimit.objects.get()
    assert (limit.subject_kind, limit.window, limit.credits) == (scope, window, 500)
    assert use_of(limit).held == 70
    assert run("set_limit", *words, "--credits", "none").startswith(f"{desk.target(scope)}: no")
    assert not SpendLimit.objects.exists()
    trail = AuditEvent.objects.filter(action="spend_limit.set")
    assert {event.actor for event in trail} == {"command:set_limit"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--credits", "1.5"], "'1.5' is neither a whole number of credits nor none."),
        (["--credits=-5"], "'-5' is neither a whole number of credits nor none."),
        (["--credits", "NaN"], "'NaN' is neither a whole number of credits nor none."),
        (["--credits", ""], "'' is neither a whole number of credits nor none."),
        (["--credits", "1" + "0" * 13], _MOST),
        (["--credits", "5", "--member", "x@y.example"], "There is no member 'x@y.example' in"),
        (["--credits", "5", "--member", "charlie@elsewhere.example"], "There is no member"),
        (["--credits", "5", "--api-key", "Nobody's"], 'There is no api key "Nobody\'s" in Studio.'),
        (["--credits", "5", "--project", "none"], "There is no project 'none' in Studio."),
        (["--credits", "5", "--provider-key", "0000"], "There is no provider key '0000' in"),
        # An empty word, as of a shell's unset variable, must not cap the whole team.
        (["--credits", "5", "--member", ""], "There is no member '' in Studio."),
        (["--credits", "5", "--project", ""], "There is no project '' in Studio."),
    ],
)
@pytest.mark.usefixtures("charlie")
def test_set_limit_says_what_is_wrong_and_changes_nothing(
    desk: Desk, words: list[str], sentence: str
) -> None:
    assert complaint("set_limit", desk.team.slug, "--window", "day", *words).startswith(sentence)
    assert not SpendLimit.objects.exists()


def test_set_limit_knows_windows_and_teams(desk: Desk) -> None:
    assert complaint("set_limit", "x", "--window", "day", "--credits", "5") == (
        "There is no team 'x'."
    )
    said = complaint("set_limit", desk.team.slug, "--window", "year", "--credits", "5")
    assert "invalid choice: 'year'" in said


def test_set_limit_caps_one_scope_at_a_time(desk: Desk) -> None:
    words = [desk.team.slug, "--window", "day", "--credits", "5"]
    said = complaint("set_limit", *words, "--member", "a@b.example", "--project", "launch")
    assert "not allowed with argument" in said


def test_set_limit_refuses_a_name_that_two_things_have(desk: Desk, alice: Membership) -> None:
    words = [desk.team.slug, "--window", "day", "--credits", "5"]
    make_api_key(alice, label=desk.api_key.label)
    said = complaint("set_limit", *words, "--api-key", desk.api_key.label)
    assert said == f"There is more than one api key {desk.api_key.label!r} in Studio."
    make_provider_key(desk.team, alice.user)
    said = complaint("set_limit", *words, "--provider-key", desk.provider_key.last4)
    assert said.startswith("There is more than one provider key")
    assert not SpendLimit.objects.exists()


@pytest.mark.parametrize("scope", ["team", "member", "project"])
def test_set_approval_sets_changes_and_lifts_every_scope(desk: Desk, scope: str) -> None:
    words = [desk.team.slug, *scope_words(desk, scope)]
    for above in ["100", "0"]:
        assert run("set_approval", *words, "--above", above).endswith(
            f"needs approval above {above} credits"
        )
        threshold = ApprovalThreshold.objects.get()
        assert threshold.above == int(above)
    assert (threshold.user, threshold.project) == (
        desk.membership.user if scope == "member" else None,
        desk.project if scope == "project" else None,
    )
    said = run("set_approval", *words, "--above", "none")
    assert said == f"{desk.target(scope)}: no approval rule"
    assert not ApprovalThreshold.objects.exists()
    trail = AuditEvent.objects.filter(action="approval.threshold_set").order_by("id")
    assert [event.data["above"] for event in trail] == [100, 0, None]
    assert {event.actor for event in trail} == {"command:set_approval"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--above", "many"], "'many' is neither a whole number of credits nor none."),
        (["--above", "1" + "0" * 13], _MOST),
        (["--above", "5", "--member", "x@y.example"], "There is no member 'x@y.example'"),
        (["--above", "5", "--member", ""], "There is no member ''"),
        (["--above", "5", "--project", "x"], "There is no project 'x'"),
    ],
)
def test_set_approval_says_what_is_wrong_and_changes_nothing(
    desk: Desk, words: list[str], sentence: str
) -> None:
    assert complaint("set_approval", desk.team.slug, *words).startswith(sentence)
    assert not ApprovalThreshold.objects.exists()
