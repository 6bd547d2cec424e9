"""The business verbs of billing beside the ledger, one file a subject."""
