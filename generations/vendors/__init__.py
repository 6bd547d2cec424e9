"""The vendors that render films: what each must offer, and the ones there are.

Everybody else imports from here alone. A vendor's own folder is its own business.
"""

from generations.vendors.base import (
    USUAL_IN_FLIGHT,
    KeyTerms,
    ProviderClient,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUnclear,
    RefusalKind,
    TaskUnknown,
    UnclearCause,
    Vendor,
)
from generations.vendors.frames import FrameLimits
from generations.vendors.reading import usable_task_id
from generations.vendors.registry import (
    DEFAULT_VENDOR,
    SUBMIT_SECONDS,
    UnknownVendor,
    common_frame_limits,
    has_several_vendors,
    key_examples,
    mask_vendor_keys,
    vendor_choices,
    vendor_named,
)
from generations.vendors.reports import (
    METADATA_NAMES,
    CreditsReport,
    ReceivedCallback,
    TaskReport,
    TaskStatus,
)

__all__ = [
    "DEFAULT_VENDOR",
    "METADATA_NAMES",
    "SUBMIT_SECONDS",
    "USUAL_IN_FLIGHT",
    "CreditsReport",
    "FrameLimits",
    "KeyTerms",
    "ProviderClient",
    "ProviderError",
    "ProviderRefused",
    "ProviderUnavailable",
    "ProviderUnclear",
    "ReceivedCallback",
    "RefusalKind",
    "TaskReport",
    "TaskStatus",
    "TaskUnknown",
    "UnclearCause",
    "UnknownVendor",
    "Vendor",
    "common_frame_limits",
    "has_several_vendors",
    "key_examples",
    "mask_vendor_keys",
    "usable_task_id",
    "vendor_choices",
    "vendor_named",
]
