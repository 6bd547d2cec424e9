"""The step that asks managers for an approval."""

from uuid import UUID

from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.steps import Step

ask = Step(
    "generations.approvals.steps.ask",
    runs="generations.approvals.mail.ask_managers",
    queue=MAIN_QUEUE,
    takes=(UUID,),
)
