"""What decodes and encodes films, run as children: no Django, no database, no secrets."""
