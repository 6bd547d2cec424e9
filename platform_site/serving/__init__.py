"""How the web is served: gunicorn's processes and its HTTP, with a loop in front of the threads.

A request takes a thread when the whole of it is there, and gives the thread back when the client
has yet to take the answer. So whoever sends or reads slowly, or not at all, costs a connection and
never a thread. See docs/decisions/0018.

`worker` is gunicorn's way in. `server` is the loop; `connection`, `incoming`, `answer` and `outbox`
are one client's part in it, and `bounds` says how long and how much it waits for.
"""
