"""What the vendor posts to us, which proves nothing until the vendor is asked."""

from generations.callbacks.service import receive_callback
from generations.callbacks.steps import check_callback_step

__all__ = ["check_callback_step", "receive_callback"]
