"""The step that asks managers for an approval."""

from datetime import datetime
from uuid import UUID

from generations.models import Approval
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.steps import Step, take_due

ask = Step(
    "generations.approvals.steps.ask",
    runs="generations.approvals.mail.ask_managers",
    queue=MAIN_QUEUE,
    takes=(UUID,),
)


@ask.when_due
def _ask_due(now: datetime) -> None:
    unasked = Approval.objects.filter(decision=Approval.Decision.OPEN, next_mail_at__lte=now)
    for approval in take_due(unasked, "next_mail_at", now=now):
        ask.enqueue(approval.pk)
