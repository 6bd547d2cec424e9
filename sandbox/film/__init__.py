"""Films made on this machine; only the renderer child imports the heavy modules in here."""
