"""Run the site's processes in the foreground: `manage.py up`.

`__main__` is the process, `supervise` holds the loop, `child` one child's life, `pulse` its sign of
life, `keeper` the small process between them. None of them imports Django.
"""
