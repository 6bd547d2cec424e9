"""Faults on purpose: a load under kills, cuts and restarts, and then the proof that it all adds up.

`plan` says what happens, from a seed alone; `hosts`, `tcp_proxy`, `load_balancer` and
`webhook_receiver` are the world; `clients` submit; `faults` breaks things; `waiting` lets
everything end, `review_decisions` decides what is in doubt, and `reconciling` compares everybody's
books.
"""
