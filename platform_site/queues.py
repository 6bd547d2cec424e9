"""The names of the queues. Each is served by clusters of its own, which share nothing but the host.

Films take minutes and a lot of bandwidth: in a queue of their own they never hold up a send.
"""

MAIN_QUEUE = "dailies"
FILM_QUEUE = "films"
QUEUES = (MAIN_QUEUE, FILM_QUEUE)
