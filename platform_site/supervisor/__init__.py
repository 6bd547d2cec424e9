"""Run the site's processes in the foreground: `manage.py up`.

`__main__` is the process, `supervise` holds the loop, `child` one child's life, `liveness` its sign
of life, `reaper` the small process between them. None of them imports Django.
"""
