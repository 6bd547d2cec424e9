"""The steps that look after the site, and the list of all steps that there are."""

from accounts.notices import mail_step
from accounts.webhooks import deliver_step
from generations.approvals import ask_step
from generations.archive import keep_step, make_previews_step
from generations.callbacks import check_callback_step
from generations.dispatch import dispatch_step, help_dispatch_step
from generations.provider_keys import probe_step
from generations.reconciliation import sample_step
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.steps import Step

sweep_step = Step(
    "generations.ops.steps.sweep_step",
    runs="generations.ops.sweep.sweep",
    queue=MAIN_QUEUE,
    takes=(float,),
)
clean_up_step = Step(
    "generations.ops.steps.clean_up_step",
    runs="generations.ops.clean_up.clean_up",
    queue=MAIN_QUEUE,
)

# In the order in which the sweep looks for what is due.
STEPS = (
    sample_step,
    dispatch_step,
    help_dispatch_step,
    keep_step,
    make_previews_step,
    deliver_step,
    mail_step,
    check_callback_step,
    probe_step,
    ask_step,
    sweep_step,
    clean_up_step,
)
