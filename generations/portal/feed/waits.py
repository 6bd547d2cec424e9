"""How long a page waits before it asks the feed again, in seconds.

A page in a hidden tab waits longer still, which only the page knows (`feed.js`).
"""

from generations.portal.feed.versions import Version

LIVE = 3  # something of the team is being sent, rendered or saved
IDLE = 20
STUCK = 30  # what is open waits for a person, for a paused key or for a vendor that lets it be


def wait_after(version: Version, *, is_studio: bool) -> int:
    """Return the seconds until the next look at a page of this version."""
    if version.is_live:
        return LIVE
    return IDLE if is_studio and not version.is_open else STUCK
