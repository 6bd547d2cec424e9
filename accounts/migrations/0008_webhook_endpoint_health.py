"""Since when an endpoint fails, why it was disabled, and that it was removed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_slow_receivers")]

    operations = [
        migrations.AddField(
            model_name="webhookendpoint",
            name="failing_since",
            field=models.DateTimeField(blank=True, editable=False, help_text="the first failure since the last 2xx", null=True),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="disabled_reason",
            field=models.CharField(blank=True, editable=False, help_text="Empty: a person did it.", max_length=200),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="removed_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.RemoveConstraint(model_name="webhookendpoint", name="webhook_endpoint_once_a_team"),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at", None)), fields=("team", "url"), name="webhook_endpoint_once_a_team"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("removed_at", None), ("enabled", False), _connector="OR"),
                name="webhook_endpoint_removed_off",
            ),
        ),
    ]
