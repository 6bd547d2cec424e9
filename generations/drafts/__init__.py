"""Drafts: what people type in the studio, kept on the server until it is sent or forgotten."""

from generations.drafts.reads import draft_for, earlier_prompts, last_settings, unfinished_drafts
from generations.drafts.service import (
    DraftContent,
    PageState,
    discard_draft,
    fresh_key,
    mark_sent,
    prune_drafts,
    save_draft,
    sent_before,
)

__all__ = [
    "DraftContent",
    "PageState",
    "discard_draft",
    "draft_for",
    "earlier_prompts",
    "fresh_key",
    "last_settings",
    "mark_sent",
    "prune_drafts",
    "save_draft",
    "sent_before",
    "unfinished_drafts",
]
