"""Places a film can show; each module paints one as layers from far to near."""
