"""A question about a generation that was cancelled meanwhile is withdrawn, by nobody's decision."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generations", "0007_engine")]

    operations = [
        migrations.AlterField(
            model_name="approval",
            name="decision",
            field=models.CharField(
                choices=[
                    ("open", "Waiting"),
                    ("approved", "Approved"),
                    ("denied", "Denied"),
                    ("expired", "Expired"),
                    ("withdrawn", "Withdrawn"),
                ],
                default="open",
                max_length=10,
            ),
        ),
    ]
