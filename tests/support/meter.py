"""The scripted vendor's usage, and a clock to sample it by."""

from datetime import datetime, timedelta

from django.utils import timezone

from generations.models import ProviderKey, UsageSample
from generations.reconciliation.sampling import take_sample
from tests.support.vendor import Exchange, say


class Meter:
    """The scripted vendor's usage: what a test says it is."""

    def __init__(self, *, refund_lowers_consumed: bool = True) -> None:
        """Start with 10,000 credits."""
        self.balance: int | None = 10_000
        self.purchased: int | None = 10_000
        self.consumed: int | None = 0
        self.refund_lowers_consumed = refund_lowers_consumed

    def charge(self, credits: int) -> None:
        """Charge for a job."""
        if self.balance is not None:
            self.balance -= credits
        if self.consumed is not None:
            self.consumed += credits

    def refund(self, credits: int) -> None:
        """Give back what a job cost."""
        if self.balance is not None:
            self.balance += credits
        if self.consumed is not None and self.refund_lowers_consumed:
            self.consumed -= credits

    def __call__(self, exchange: Exchange) -> None:
        """Answer `GET /v1/credits`."""
        figures = {
            "balance": self.balance,
            "total_purchased": self.purchased,
            "total_consumed": self.consumed,
        }
        say(200, {"code": 200, "data": figures})(exchange)


class Clock:
    """Samples a key at given minutes; generations are made at minute 0, which is now."""

    def __init__(self, provider_key: ProviderKey) -> None:
        """Sample this key, first ten minutes ago."""
        self.key = provider_key
        self.zero = timezone.now()

    def at(self, minutes: float) -> datetime:
        """Return the moment."""
        return self.zero + timedelta(minutes=minutes)

    def sample(self, minutes: float) -> UsageSample:
        """Take a sample at that minute."""
        key = ProviderKey.objects.get(pk=self.key.pk)
        sample = take_sample(key, now=self.at(minutes))
        assert sample is not None
        return sample


def read_usage_at(at: datetime) -> None:
    """Let every key's usage be read now."""
    ProviderKey.objects.update(next_sample_at=at)
