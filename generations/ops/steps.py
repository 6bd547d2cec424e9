"""The steps that look after the site, and the list of all steps that there are."""

from accounts.notices.steps import mail
from accounts.webhooks.steps import deliver
from generations.approvals.steps import ask
from generations.archive.steps import keep
from generations.callbacks.steps import check_callback
from generations.dispatch.steps import send
from generations.provider_keys.steps import probe
from generations.reconciliation.steps import sample
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.steps import Step

sweep = Step(
    "generations.ops.steps.sweep",
    runs="generations.ops.sweep.sweep",
    queue=MAIN_QUEUE,
    takes=(float,),
)
clean_up = Step(
    "generations.ops.steps.clean_up", runs="generations.ops.clean_up.clean_up", queue=MAIN_QUEUE
)

# In the order in which the sweep looks for what is due.
STEPS = (sample, send, keep, deliver, mail, check_callback, probe, ask, sweep, clean_up)
