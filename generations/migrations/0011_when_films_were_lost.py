"""Date the films that were given up before the day of it was noted."""

from django.db import migrations
from django.db.models import F


def date_losses(apps, schema_editor):
    """Lost films are few, so one statement does. May run twice."""
    films = apps.get_model("generations", "Film").objects
    films.filter(state="given_up", lost_at=None).update(lost_at=F("created_at"))


class Migration(migrations.Migration):
    dependencies = [("generations", "0010_shared_files")]

    operations = [migrations.RunPython(date_losses, migrations.RunPython.noop)]
