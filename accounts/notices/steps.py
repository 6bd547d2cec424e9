"""The step that mails a notice."""

from datetime import datetime

from accounts.models import Notice
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.steps import Step, take_due

mail_step = Step(
    "accounts.notices.steps.mail_step",
    runs="accounts.notices.mail.mail_notice",
    queue=MAIN_QUEUE,
    takes=(int,),
)


mail_step.due_by(Notice.objects.all(), "next_mail_at")


@mail_step.when_due
def _mail_due(now: datetime) -> None:
    for notice in take_due(Notice.objects.filter(next_mail_at__lte=now), "next_mail_at", now=now):
        mail_step.enqueue(notice.pk)
