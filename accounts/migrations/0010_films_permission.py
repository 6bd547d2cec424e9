"""Notices may be for those who decide how long films are kept."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_webhook_secret_rotation")]

    operations = [
        migrations.AlterField(
            model_name="notice",
            name="permission",
            field=models.CharField(
                blank=True,
                choices=[
                    ("VIEW", "view films and the team's balance"),
                    ("SUBMIT", "submit generations"),
                    ("OWN_KEYS", "keep API keys and provider keys of one's own"),
                    ("TEAM_KEYS", "manage everybody's API keys and the team's provider keys"),
                    ("LIMITS", "set spend limits"),
                    ("APPROVE", "approve and deny generations"),
                    ("FILMS", "decide how long films are kept"),
                    ("MEMBERS", "invite people and change roles"),
                ],
                help_text="All who may do this; empty: one person.",
                max_length=20,
            ),
        )
    ]
