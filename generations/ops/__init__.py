"""Looking after the site: the sweep, the clean-up, schedules and the demo."""

from generations.ops.demo import set_up_demo
from generations.ops.schedules import ensure_schedules
from generations.ops.steps import STEPS

__all__ = ["STEPS", "ensure_schedules", "set_up_demo"]
