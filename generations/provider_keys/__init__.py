"""The vendor's keys that people own: vaulted, paused and probed, held to a send rate."""

from generations.provider_keys.load import in_flight, queued_with
from generations.provider_keys.send_rate import next_send_at
from generations.provider_keys.service import (
    MOST_IN_FLIGHT,
    MOST_PER_MINUTE,
    add_provider_key,
    client_for,
    delete_provider_key,
    hold_back_key,
    note_key_works,
    pause_provider_key,
    pause_refused_key,
    resume_provider_key,
    rotate_vault,
    set_send_rate,
    wipe_sealed_keys,
)
from generations.provider_keys.steps import probe_step
from generations.provider_keys.vault import opens, sealed_keys
from generations.provider_keys.wakeup import (
    DISPATCH_LEASES,
    note_started,
    start_dispatch,
    wake_dispatch,
    wake_for_slot,
)

__all__ = [
    "DISPATCH_LEASES",
    "MOST_IN_FLIGHT",
    "MOST_PER_MINUTE",
    "add_provider_key",
    "client_for",
    "delete_provider_key",
    "hold_back_key",
    "in_flight",
    "next_send_at",
    "note_key_works",
    "note_started",
    "opens",
    "pause_provider_key",
    "pause_refused_key",
    "probe_step",
    "queued_with",
    "resume_provider_key",
    "rotate_vault",
    "sealed_keys",
    "set_send_rate",
    "start_dispatch",
    "wake_dispatch",
    "wake_for_slot",
    "wipe_sealed_keys",
]
