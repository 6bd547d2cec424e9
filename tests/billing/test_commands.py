"""The commands that scripts build on: `issue_api_key` and `grant`."""

import re
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ApiKey, Membership, Team
from billing.models import SpendLimit, Transfer
from billing.selectors import books_of
from tests.support.api import Api
from tests.support.web import database_environment, manage

pytestmark = pytest.mark.django_db


def run(name: str, *arguments: str) -> str:
    """Run a command in this process; return its standard output."""
    out = StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


class TestIssueApiKey:
    def issue(self, membership: Membership, *options: str) -> ApiKey:
        """Issue a key to a member; return its row."""
        place = ("--team", membership.team.slug, "--user", membership.user.email)
        printed = run("issue_api_key", *place, *options)
        assert re.fullmatch(r"sk-[0-9a-f]{12}[A-Za-z0-9_-]{43}\n", printed)
        assert Api(printed.strip(), address="203.0.113.7").get("/v1/credits").status_code == 200
        return ApiKey.objects.get()

    def test_it_prints_the_key_and_a_newline_and_nothing_else(self, bob: Membership) -> None:
        key = self.issue(bob)
        assert (key.team, key.owner, key.label) == (bob.team, bob.user, "API key")
        assert key.requests_per_minute is None
        assert key.expires_at is None
        assert not SpendLimit.objects.exists()

    def test_limits_names_networks_and_dates(self, bob: Membership) -> None:
        key = self.issue(
            bob,
            *("--name", "Render farm", "--hourly", "70", "--daily", "700", "--total", "7000"),
            *("--per-minute", "60", "--expires", "2100-01-31"),
            *("--allow-ip", "203.0.113.0/24", "2001:db8::/32", "--allow-ip", "198.51.100.1"),
        )
        limits = SpendLimit.objects.filter(subject_kind="api_key", subject_id=str(key.pk))
        assert {limit.window: limit.credits for limit in limits} == {
            "hour": 70,
            "day": 700,
            "total": 7000,
        }
        assert (key.label, key.requests_per_minute) == ("Render farm", 60)
        assert key.expires_at == datetime(2100, 2, 1, tzinfo=UTC)
        assert key.allowed_networks == ["203.0.113.0/24", "2001:db8::/32", "198.51.100.1/32"]

    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2100-01-31", datetime(2100, 2, 1, tzinfo=UTC)),
            ("2100-02-28", datetime(2100, 3, 1, tzinfo=UTC)),
            ("2100-01-31T12:30", datetime(2100, 1, 31, 12, 30, tzinfo=UTC)),
            ("2100-01-31T12:30+02:00", datetime(2100, 1, 31, 10, 30, tzinfo=UTC)),
        ],
    )
    def test_f02_a_day_is_the_keys_last_as_in_the_portal(
        self, bob: Membership, text: str, moment: datetime
    ) -> None:
        assert self.issue(bob, "--expires", text).expires_at == moment

    @pytest.mark.parametrize(
        "options",
        [
            ("--expires", "tomorrow"),
            ("--expires", "2020-02-29"),
            ("--expires", "2020-02-29T12:00+00:00"),
            ("--expires", "2100-02-31"),
            ("--expires", "3000-01-01"),
            ("--expires", "9999-12-31"),
            ("--expires", "9999-12-31T23:59-05:00"),
            ("--expires", "9999-12-31T23:59+00:00"),
            ("--hourly", "-1"),
            ("--total", "many"),
            ("--per-minute", "-1"),
            ("--allow-ip", "everywhere"),
            ("--team", "nobody"),
            ("--user", "nobody@studio.example"),
        ],
    )
    def test_what_makes_no_sense_is_a_command_error_and_makes_no_key(
        self, bob: Membership, options: tuple[str, ...]
    ) -> None:
        place = ["--team", bob.team.slug, "--user", bob.user.email]
        with pytest.raises(CommandError):
            run("issue_api_key", *place, *options)
        assert not ApiKey.objects.exists()

    def test_a_stranger_to_the_team_gets_none(self, bob: Membership, charlie: Membership) -> None:
        with pytest.raises(CommandError, match="not a member"):
            run("issue_api_key", "--team", bob.team.slug, "--user", charlie.user.email)

    @pytest.mark.django_db(transaction=True)
    def test_as_a_process_it_prints_exactly_the_key(self, bob: Membership) -> None:
        place = ("--team", bob.team.slug, "--user", bob.user.email)
        done = manage("issue_api_key", *place, **database_environment())
        assert re.fullmatch(r"sk-[A-Za-z0-9_-]+\n", done.stdout), done.stderr
        wrong = manage("issue_api_key", *place, "--expires", "x", **database_environment())
        assert (wrong.returncode, wrong.stdout) == (1, "")


class TestGrant:
    def test_it_adds_credits_and_says_what_is_available(self, team: Team) -> None:
        printed = run("grant", team.slug, "250", "--reason", "Invoice 7")
        assert "1250 available" in printed
        entry = Transfer.objects.first()
        assert entry is not None
        assert (entry.amount, entry.reason, entry.actor) == (250, "Invoice 7", "command:grant")

    @pytest.mark.parametrize(
        "arguments",
        [
            ("nobody", "5", "--reason", "x"),
            ("{team}", "0", "--reason", "x"),
            ("{team}", "-5", "--reason", "x"),
            ("{team}", "1.5", "--reason", "x"),
            ("{team}", "5", "--reason", " "),
            ("{team}", "5"),
        ],
    )
    def test_p08_anything_else_is_refused(self, team: Team, arguments: tuple[str, ...]) -> None:
        with pytest.raises(CommandError):
            run("grant", *(word.format(team=team.slug) for word in arguments))
        assert books_of(team).granted == 1000

    def test_f17_too_large_a_grant_is_told_the_most(self, team: Team) -> None:
        with pytest.raises(CommandError, match="from 1 to 1,000,000,000,000"):
            run("grant", team.slug, "9" * 30, "--reason", "x")
