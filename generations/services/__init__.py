"""The business verbs of generations, one file a subject."""
