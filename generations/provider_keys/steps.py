"""The step that finds out whether a paused provider key works again."""

from datetime import datetime

from generations.models import ProviderKey
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.steps import Step, take_due

probe_step = Step(
    "generations.provider_keys.steps.probe_step",
    runs="generations.provider_keys.service.probe_provider_key",
    queue=MAIN_QUEUE,
    takes=(int,),
)


probe_step.due_by(ProviderKey.objects.filter(state=ProviderKey.State.PAUSED), "next_probe_at")


@probe_step.when_due
def _probe_due(now: datetime) -> None:
    paused = ProviderKey.objects.filter(state=ProviderKey.State.PAUSED, next_probe_at__lte=now)
    for key in take_due(paused, "next_probe_at", now=now):
        probe_step.enqueue(key.pk)
