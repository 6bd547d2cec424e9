"""Rows: written once, about something, inserted cheaply, and remembered while they stand."""
