"""Pages that ask again for what changes."""

STOP_POLLING = 286  # htmx's own status: this answer is the last one asked for
