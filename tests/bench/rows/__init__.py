"""The rows, one file a subject; each has `measure(bench)`, which returns its rows."""
