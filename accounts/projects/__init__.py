"""Projects of a team."""

from accounts.projects.service import (
    MAX_PROJECT_NAME,
    archive_project,
    create_project,
    rename_project,
    reopen_project,
)

__all__ = [
    "MAX_PROJECT_NAME",
    "archive_project",
    "create_project",
    "rename_project",
    "reopen_project",
]
