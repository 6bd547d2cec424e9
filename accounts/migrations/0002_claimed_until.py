"""Webhooks are claimed while they are posted, so that two copies of a task post one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="webhookdelivery",
            name="claimed_until",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="while a worker posts it", null=True
            ),
        ),
    ]
