"""Callers in a process of their own, whose CPU is not counted."""

from tests.bench.load.plan import Plan, Request, Told, begin, call, finish

__all__ = ["Plan", "Request", "Told", "begin", "call", "finish"]
