"""Texts and numbers as they come from outside, and what of them is kept and seen."""
