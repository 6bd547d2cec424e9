"""Whose turn it was last, and how often in a row a key's sends came to nothing."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_webhook_endpoints"),
        ("generations", "0008_withdrawn_approvals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="providerkey",
            name="send_failures",
            field=models.PositiveIntegerField(
                default=0,
                editable=False,
                help_text="sends in a row that the vendor put off or left unanswered",
            ),
        ),
        migrations.CreateModel(
            name="LastServed",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("taken_at", models.DateTimeField()),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.team",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="lastserved",
            constraint=models.UniqueConstraint(
                fields=["team", "user"], name="sending_turn_one_a_person"
            ),
        ),
    ]
