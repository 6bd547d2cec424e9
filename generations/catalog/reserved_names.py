"""Names that no parameter of a model may have: the studio's form has them itself."""

RESERVED_NAMES = frozenset(
    {
        # Its other fields.
        *("model", "prompt", "project", "priority", "team", "remix_of", "idempotency_key"),
        *("first_frame", "last_frame", "first_frame_file", "last_frame_file", "frames"),
        *("csrfmiddlewaretoken", "shown", "take"),
        *("draft", "draft_page", "draft_based_on", "draft_sequence", "person"),
        # Ids on its page.
        *("active", "composer", "controls", "crop", "count", "create", "main", "price", "sheet"),
    }
)
