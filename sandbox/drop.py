"""How a handler asks for its connection to be cut."""


class DropConnectionError(Exception):
    """Ask the server to cut the connection instead of ending the reply."""
