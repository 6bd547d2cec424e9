"""Hosts that let posts hang, so that they are asked seldom."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_webhook_attempts")]

    operations = [
        migrations.CreateModel(
            name="HostBackoff",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("team", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.team")),
                ("host", models.CharField(max_length=270)),
                ("timeouts", models.PositiveIntegerField(default=1, help_text="in a row")),
                ("ends_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("team", "host"), name="slow_receiver_once_a_team")
                ],
            },
        ),
    ]
