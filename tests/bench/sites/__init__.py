"""Whole sites of this tree and of another commit, each in processes of its own."""
