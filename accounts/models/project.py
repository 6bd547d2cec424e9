"""Projects: named folders of work in a team, with limits of their own."""

from django.db import models
from django.utils import timezone

from accounts.models.team import Team


class Project(models.Model):
    """A name that a team's generations can be grouped and limited under."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="projects")
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=60)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["team", "slug"], name="project_slug_once_a_team")
        ]

    def __str__(self) -> str:
        """Show the name."""
        return self.name
