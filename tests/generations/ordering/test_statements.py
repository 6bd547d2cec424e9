"""What an admission asks of the database: few statements, the contended ones last, none stale."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership
from billing.audit import audit_books
from billing.errors import NoRate
from billing.models import Hold, Rate
from billing.selectors import books_of
from generations.approvals import set_threshold
from generations.errors import ModelNotFound, NoProviderKey
from generations.lifecycle import State
from generations.models import Generation, ProviderKey, VideoModel
from generations.ordering.submit import submit_batch, submit_generation
from generations.provider_keys import delete_provider_key
from platform_site.db.catalogue import catalogue, outdate_catalogue
from tests.factories import SYSTEM, fund, make_api_key, make_provider_key, make_request
from tests.support.api import MODEL
from tests.support.desk import Desk
from tests.support.meanwhile import before

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

SCOPES = ("team", "member", "project", "api_key")
# In tests, which have a transaction of their own, another one begins so.
BEGIN = "SAVEPOINT"


def submit(desk: Desk, count: int = 1) -> list[Generation]:
    """Submit a batch of the same order."""
    orders = [desk.order()] * count
    return submit_batch(orders, by=By.member(desk.membership), now=datetime.now(UTC))


def statements_of(work: Callable[[], object]) -> tuple[list[str], list[str]]:
    """Return the statements inside the admission's transaction, and all others."""
    with CaptureQueriesContext(connection) as captured:
        work()
    texts = [" ".join(one["sql"].split()) for one in captured]
    edges = [at for at, text in enumerate(texts) if text.startswith(("SAVEPOINT", "BEGIN"))]
    first = next(at for at in edges if "billing_hold" in texts[at + 1])
    last = next(
        at
        for at, text in enumerate(texts)
        if at > first and text.startswith(("RELEASE SAVEPOINT", "COMMIT"))
    )
    return texts[first + 1 : last], texts[:first] + texts[last + 1 :]


@pytest.mark.usefixtures("balanced")
class TestStatements:
    def test_an_order_under_limits_of_all_scopes_takes_six_at_most_the_contended_last(
        self, desk: Desk
    ) -> None:
        for scope in SCOPES:
            desk.cap(scope, 1_000)
        submit(desk)
        inside, outside = statements_of(lambda: submit(desk))
        inserts = [
            'INSERT INTO "billing_hold"',
            'INSERT INTO "billing_holdwindow"',
            'INSERT INTO "billing_transfer"',
            'INSERT INTO "generations_generation"',
        ]
        *written, windows, credits = inside
        if connection.vendor == "postgresql":
            assert len(written) == 1
            written = [f"INSERT{part}" for part in written[0].split("INSERT")[1:]]
        assert [text.split(" (")[0] for text in written] == inserts
        assert windows.startswith("UPDATE billing_spendwindow")
        assert credits.startswith("UPDATE billing_account")
        assert len(outside) <= 5  # of which one reads the models, two wake the dispatcher

    def test_a_batch_takes_no_more_statements_for_more_items(self, desk: Desk) -> None:
        fund(desk.team, 100_000)
        for scope in SCOPES:
            desk.cap(scope, 100_000)
        submit(desk)
        inside, outside = statements_of(lambda: submit(desk, 500))
        assert len(inside) + len(outside) <= 40
        assert books_of(desk.team).held == 501 * 70

    def test_a_batch_with_idempotency_keys_looks_for_all_of_them_at_once(self, desk: Desk) -> None:
        orders = [desk.order(key=f"row-{number}") for number in range(14)]
        by = By.member(desk.membership)
        with CaptureQueriesContext(connection) as few:
            submit_batch(orders[:2], by=by, now=timezone.now())
        with CaptureQueriesContext(connection) as many:
            submit_batch(orders[2:], by=by, now=timezone.now())
        assert len(many) <= len(few)


@pytest.mark.usefixtures("provider_key")
class TestNothingStale:
    """Whatever changes between the look and the transaction, nothing is charged by the old."""

    def order(self, alice: Membership) -> Generation:
        return submit_generation(
            make_request(alice.team), by=By.member(alice), now=datetime.now(UTC)
        )

    def test_p18_a_price_that_changes_meanwhile_is_charged(self, alice: Membership) -> None:
        self.order(alice)
        dearer = {"credits_per_second": 20}
        with before(BEGIN, lambda: Rate.objects.filter(model=MODEL).update(**dearer)):
            generation = self.order(alice)
        assert (generation.credits_per_second, generation.hold.amount) == (20, 100)
        assert list(audit_books()) == []

    def test_p20_a_price_that_goes_meanwhile_holds_nothing(self, alice: Membership) -> None:
        self.order(alice)
        held = books_of(alice.team).held
        tomorrow = timezone.now() + timedelta(days=1)
        with (
            before(BEGIN, lambda: Rate.objects.update(effective_from=tomorrow)),
            pytest.raises(NoRate),
        ):
            self.order(alice)
        assert books_of(alice.team).held == held
        assert Hold.objects.count() == 1

    def test_a_threshold_that_is_set_meanwhile_asks(self, alice: Membership) -> None:
        self.order(alice)
        with before(BEGIN, lambda: set_threshold(team=alice.team, above=0, by=SYSTEM)):
            generation = self.order(alice)
        assert generation.state == State.AWAITING_APPROVAL
        assert Generation.objects.get(pk=generation.pk).approval.above == 0

    def test_p25_a_key_that_is_deleted_meanwhile_is_not_sent_with(
        self, alice: Membership, provider_key: ProviderKey
    ) -> None:
        self.order(alice)

        def replace() -> None:
            delete_provider_key(provider_key, by=SYSTEM)
            make_provider_key(alice.team)

        with before(BEGIN, replace):
            generation = self.order(alice)
        assert generation.provider_key_id != provider_key.pk

    def test_p25_a_key_of_ones_own_comes_before_the_teams_at_once(
        self, alice: Membership, provider_key: ProviderKey
    ) -> None:
        assert self.order(alice).provider_key_id == provider_key.pk
        own = make_provider_key(alice.team, alice.user)
        assert self.order(alice).provider_key_id == own.pk
        delete_provider_key(own, by=SYSTEM)
        assert self.order(alice).provider_key_id == provider_key.pk
        delete_provider_key(provider_key, by=SYSTEM)
        with pytest.raises(NoProviderKey):
            self.order(alice)

    def test_a_model_switched_off_is_refused_at_once(self, alice: Membership) -> None:
        self.order(alice)
        VideoModel.objects.filter(name=MODEL).update(active=False)
        with pytest.raises(ModelNotFound):
            self.order(alice)

    def test_what_another_process_changed_is_seen(self, alice: Membership) -> None:
        """Another process leaves another version in the database, and nothing in this one."""
        self.order(alice)
        rate = Rate.objects.filter(model=MODEL, resolution="720p", audio=True).get()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE billing_rate SET credits_per_second = 30 WHERE id = %s", [rate.pk]
            )
            cursor.execute("UPDATE platform_site_version SET number = 7 WHERE name = 'catalogue'")
        assert self.order(alice).credits_per_second == 30


class TestVersions:
    def test_every_way_to_change_a_row_outdates_the_catalogue(self, alice: Membership) -> None:
        def model(name: str) -> VideoModel:
            made = VideoModel.objects.get(name=MODEL)
            made.pk, made.name, made._state.adding = None, name, True
            return made

        one = VideoModel.objects.get(name=MODEL)
        ways: list[Callable[[], object]] = [
            one.save,
            lambda: one.save(update_fields=["title"]),
            lambda: VideoModel.objects.update(title="Other"),
            lambda: VideoModel.objects.bulk_create([model("b")]),
            lambda: model("c").save(),
            lambda: VideoModel.objects.filter(name="b").delete(),
            lambda: VideoModel.objects.get(name="c").delete(),
            lambda: VideoModel.objects.bulk_update([one], ["title"]),
            lambda: make_provider_key(alice.team),
            lambda: ProviderKey.objects.update(endpoint="https://other.example"),
            lambda: call_command("migrate", verbosity=0),
            outdate_catalogue,
        ]
        for way in ways:
            known = catalogue()
            way()
            assert catalogue().version != known.version

    def test_a_send_outdates_nothing(self, alice: Membership) -> None:
        make_provider_key(alice.team)
        known = catalogue()
        ProviderKey.objects.update(next_send_at=timezone.now() + timedelta(seconds=1))
        assert catalogue() is known

    def test_a_change_that_is_taken_back_leaves_what_was_known(self, alice: Membership) -> None:
        known = catalogue()
        rates = known.recall("rates of a test", lambda: [1])
        with transaction.atomic():
            Rate.objects.update(credits_per_second=1)
            catalogue().recall("rates of a test", lambda: [2])
            transaction.set_rollback(True)
        assert catalogue().recall("rates of a test", lambda: rates) == [1]


def test_a_caller_and_a_task_take_one_statement_each(
    alice: Membership, provider_key: ProviderKey, client: Client
) -> None:
    key = make_api_key(alice)
    task = submit_generation(
        make_request(alice.team), by=By.member(alice), now=datetime.now(UTC), api_key=key.key
    )
    headers = {"Authorization": f"Bearer {key.text}"}
    client.get(f"/v1/tasks/{task.pk}", headers=headers)
    with CaptureQueriesContext(connection) as captured:
        reply = client.get(f"/v1/tasks/{task.pk}", headers=headers)
    assert reply.status_code == 200
    assert len(captured) == 2
