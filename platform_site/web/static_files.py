"""Where pages find their style sheets and scripts."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped
    """Hashed names once `collectstatic` has run; until then plain ones, which the finders serve.

    The library's own lenient mode opens the collected file all the same, and fails without it.
    """

    def stored_name(self, name: str) -> str:
        """Return the name that the page links to."""
        return str(super().stored_name(name)) if self.hashed_files else name
