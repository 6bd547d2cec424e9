"""Callers in a process of their own, whose CPU is not counted."""

from tests.bench.load.plan import Plan, Request, Told, call

__all__ = ["Plan", "Request", "Told", "call"]
