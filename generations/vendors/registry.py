"""The vendors there are. A second one is one more entry here."""

from collections.abc import Iterable

from generations.vendors.aivideoapi.vendor import AiVideoApi
from generations.vendors.base import Vendor
from generations.vendors.frames import FrameLimits, narrowest
from platform_site.logs import mask_keys

VENDORS: dict[str, Vendor] = {vendor.name: vendor for vendor in (AiVideoApi(),)}
DEFAULT_VENDOR = AiVideoApi.name
# The longest that a create can take at any of them, in seconds.
SUBMIT_SECONDS = max(vendor.submit_seconds for vendor in VENDORS.values())


class UnknownVendor(LookupError):
    """A row names a vendor that this installation does not have."""


def vendor_named(name: str) -> Vendor:
    """Return a vendor by the name that rows have. Raises `UnknownVendor`."""
    try:
        return VENDORS[name]
    except KeyError:
        raise UnknownVendor(f"There is no vendor {name!r}.") from None


def vendor_choices() -> list[tuple[str, str]]:
    """Return (name, title) of every vendor, as a column's choices."""
    return [(vendor.name, vendor.title) for vendor in VENDORS.values()]


def has_several_vendors() -> bool:
    """Return whether people have to be told, and asked, which vendor is meant."""
    return len(VENDORS) > 1


def common_frame_limits(names: Iterable[str]) -> FrameLimits:
    """Return what all vendors of these names take as frames; what every vendor takes, if this
    installation has none of them.
    """
    named = [VENDORS[name].frames for name in names if name in VENDORS]
    return narrowest(named or [vendor.frames for vendor in VENDORS.values()])


def mask_vendor_keys() -> None:
    """Have logs, and whatever else goes through `redact`, mask the keys of every vendor (P33)."""
    for vendor in VENDORS.values():
        mask_keys(vendor.key_pattern, mask=vendor.key_example)


def key_examples() -> str:
    """Return how the vendors' keys look, for who is about to type one."""
    return ", ".join(dict.fromkeys(vendor.key_example for vendor in VENDORS.values()))
