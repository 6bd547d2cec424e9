"""Names that no parameter of a model may have: the studio's form has them itself."""

RESERVED_NAMES = frozenset(
    {
        # Its other fields.
        *("model", "prompt", "project", "priority", "team", "remix_of", "idempotency_key"),
        *("first_frame", "last_frame", "first_frame_file", "last_frame_file", "frames"),
        *("csrfmiddlewaretoken", "shown", "take"),
        # Ids on its page.
        *("active", "composer", "controls", "count", "create", "main", "price", "sheet"),
    }
)
