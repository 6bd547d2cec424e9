"""The secret before a team's present one, which signs beside it for a while."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_webhook_endpoint_health")]

    operations = [
        migrations.AddField(
            model_name="team",
            name="webhook_old_secret_token",
            field=models.TextField(blank=True, default="", editable=False),
        ),
        migrations.AddField(
            model_name="team",
            name="webhook_old_secret_until",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
