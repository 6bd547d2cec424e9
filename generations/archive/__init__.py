"""Films: fetched before their link expires, inspected, stored, retained and removed."""

from generations.archive.alarms import raise_alarms
from generations.archive.frames import last_frame_as_upload
from generations.archive.keep import keep_again
from generations.archive.library import note_download, set_favourite
from generations.archive.link_life import link_life_of
from generations.archive.partial import clear_partials
from generations.archive.reads import (
    kept_until,
    late_films,
    lost_films,
    may_be_tried_again,
    outliving_films,
    retention_of,
    troubled_films,
)
from generations.archive.retention import (
    MAX_RETENTION_DAYS,
    REMOVAL_NOTICE,
    clear_retention,
    remove_outlived_films,
    set_retention,
)
from generations.archive.start import begin_keeping
from generations.archive.steps import keep_step, make_previews_step
from generations.archive.store import delete_unused_files, film_storage

__all__ = [
    "MAX_RETENTION_DAYS",
    "REMOVAL_NOTICE",
    "begin_keeping",
    "clear_partials",
    "clear_retention",
    "delete_unused_files",
    "film_storage",
    "keep_again",
    "keep_step",
    "kept_until",
    "last_frame_as_upload",
    "late_films",
    "link_life_of",
    "lost_films",
    "make_previews_step",
    "may_be_tried_again",
    "note_download",
    "outliving_films",
    "raise_alarms",
    "remove_outlived_films",
    "retention_of",
    "set_favourite",
    "set_retention",
    "troubled_films",
]
