"""Faults on purpose: a load under kills, cuts and restarts, and then the proof that it all adds up.

`plan` says what happens, from a seed alone; `hosts`, `line`, `front` and `receiver` are the world;
`callers` place the orders; `chaos` breaks things; `settling` waits, `closing` decides what is in
doubt, and `reconciling` compares everybody's books.
"""
