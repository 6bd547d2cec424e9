"""Benchmarks: run, never typed; each figure beside its floor in the same run."""
