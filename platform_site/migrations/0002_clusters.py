"""Remember each background cluster and its proof of life."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("platform_site", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Cluster",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("queue", models.CharField(max_length=100)),
                ("host", models.CharField(max_length=255)),
                ("pid", models.PositiveIntegerField()),
                ("secret_mark", models.CharField(max_length=16)),
                ("started_at", models.DateTimeField()),
                ("heartbeat_at", models.DateTimeField(null=True)),
            ],
        ),
    ]
