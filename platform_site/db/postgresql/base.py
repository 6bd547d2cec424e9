"""Where Django looks for a backend's connection."""

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that is asked only when its socket has something to say.

    A server that ends, or restarts, closes the socket, and the kernel knows; a network that
    swallows everything answers no probe either, and is bounded by the connection's own timeouts.
    """

    def is_usable(self) -> bool:
        """Return whether the connection can be used."""
        if self.connection is None or self.connection.closed:
            return False
        quiet = select.poll()
        quiet.register(self.connection.fileno(), select.POLLIN)
        return not quiet.poll(0) or super().is_usable()
