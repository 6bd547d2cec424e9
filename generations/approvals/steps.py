"""The step that asks managers for an approval."""

from datetime import datetime
from uuid import UUID

from generations.models import Approval
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.steps import Step, take_due

ask_step = Step(
    "generations.approvals.steps.ask_step",
    runs="generations.approvals.mail.ask_managers",
    queue=MAIN_QUEUE,
    takes=(UUID,),
)


ask_step.due_by(Approval.objects.filter(decision=Approval.Decision.OPEN), "next_mail_at")


@ask_step.when_due
def _ask_due(now: datetime) -> None:
    unasked = Approval.objects.filter(decision=Approval.Decision.OPEN, next_mail_at__lte=now)
    for approval in take_due(unasked, "next_mail_at", now=now):
        ask_step.enqueue(approval.pk)
