"""A presigned link may be longer than 2,048 characters, and a paid film must not be refused for it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generations", "0011_when_films_were_lost")]

    operations = [
        migrations.AlterField(
            model_name="film",
            name="source_url",
            field=models.TextField(blank=True, editable=False),
        ),
    ]
