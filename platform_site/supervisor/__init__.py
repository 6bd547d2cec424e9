"""Run the site's processes in the foreground: `manage.py up`.

`supervise` holds the loop, `child` one child's life, `keeper` the small process between them.
"""
