"""Where films and uploads are stored: a folder, or a bucket of any S3 store.

Both are Django storages that answer alike. They add `put`, which stores a file whole or not at
all, and raise `OSError` for everything that goes wrong. `bucket` is imported by Django only when
the settings name it: without S3 its library stays out of memory.
"""
