"""What runs in a process with the Django of the tree that is measured, whichever that is.

Only what all commits have is used, or what `product.py` finds by several names.
"""
