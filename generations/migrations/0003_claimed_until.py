"""Films are claimed while they are fetched, so that two copies of a task store one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generations", "0002_seedance_1_5_pro")]

    operations = [
        migrations.AddField(
            model_name="film",
            name="claimed_until",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="while a worker fetches it", null=True
            ),
        ),
    ]
