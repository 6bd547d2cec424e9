"""The step that asks the vendor about an id that a callback proposed."""

from datetime import datetime

from generations.models import CallbackReceipt
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.steps import Step, take_due

check_callback_step = Step(
    "generations.callbacks.steps.check_callback_step",
    runs="generations.callbacks.service.check_callback",
    queue=MAIN_QUEUE,
    takes=(int,),
)


check_callback_step.due_by(
    CallbackReceipt.objects.filter(verdict=CallbackReceipt.Verdict.PROPOSED), "next_check_at"
)


@check_callback_step.when_due
def _check_due(now: datetime) -> None:
    proposed = CallbackReceipt.objects.filter(
        verdict=CallbackReceipt.Verdict.PROPOSED, next_check_at__lte=now
    )
    for receipt in take_due(proposed, "next_check_at", now=now):
        check_callback_step.enqueue(receipt.pk)
