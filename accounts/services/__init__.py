"""The business verbs of accounts, one file a subject."""
