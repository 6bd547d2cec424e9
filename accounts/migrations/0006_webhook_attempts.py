"""A row a try of a delivery, series of tries, and the host that posts are shared out by."""

from urllib.parse import urlsplit

import django.db.models.deletion
from django.db import migrations, models

BATCH = 500


def note_hosts(apps, schema_editor):
    """Fill in the hosts of deliveries made before, a batch at a time; what has one is left."""
    rows = apps.get_model("accounts", "WebhookDelivery").objects.filter(host="").order_by("pk")
    last = None
    while batch := list((rows.filter(pk__gt=last) if last else rows)[:BATCH]):
        for row in batch:
            row.host = _host_of(row.url)
        rows.model.objects.bulk_update(batch, ["host"])
        last = batch[-1].pk


def _host_of(url):
    try:
        parts = urlsplit(url)
        port = parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}"[:270] if parts.hostname else ""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_webhook_endpoints")]

    operations = [
        migrations.CreateModel(
            name="WebhookAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("delivery", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="attempt_log", to="accounts.webhookdelivery")),
                ("number", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                ("headers", models.JSONField(default=dict, help_text="as sent")),
                ("status", models.PositiveIntegerField(blank=True, null=True)),
                ("duration_ms", models.PositiveIntegerField(blank=True, null=True)),
                ("snippet", models.CharField(blank=True, help_text="the start of the answer, cleaned", max_length=1024)),
                ("problem", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "ordering": ["delivery", "number"],
                "constraints": [
                    models.UniqueConstraint(fields=("delivery", "number"), name="webhook_attempt_numbered")
                ],
            },
        ),
        migrations.AlterModelOptions(
            name="webhookdelivery",
            options={"ordering": ["-created_at", "-id"], "verbose_name_plural": "webhook deliveries"},
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="host",
            field=models.CharField(default="", editable=False, help_text="host:port of the URL", max_length=270),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="series_since",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="series_attempts",
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
        migrations.RunPython(note_hosts, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(condition=models.Q(("claimed_until__isnull", False)), fields=["claimed_until"], name="webhook_under_way"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["-created_at", "-id"], name="webhook_newest"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["team", "-created_at", "-id"], name="webhook_newest_of_team"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["endpoint", "-created_at", "-id"], name="webhook_newest_of_endpoint"),
        ),
    ]
