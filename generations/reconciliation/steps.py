"""The step that samples the vendor's usage of a provider key."""

from datetime import datetime

from generations.models import ProviderKey
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.steps import Step, take_due

sample_step = Step(
    "generations.reconciliation.steps.sample_step",
    runs="generations.reconciliation.sampling.sample_usage",
    queue=MAIN_QUEUE,
    takes=(int,),
)


sample_step.due_by(ProviderKey.objects.exclude(secret_token=""), "next_sample_at")


@sample_step.when_due
def _sample_due(now: datetime) -> None:
    due = ProviderKey.objects.filter(next_sample_at__lte=now).exclude(secret_token="")
    for key in take_due(due.order_by("next_sample_at"), "next_sample_at", now=now):
        sample_step.enqueue(key.pk)
