"""The team web portal."""
