"""The background clusters: their broker, how they stop, and the proof that each of them works."""
