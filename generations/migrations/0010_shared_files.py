"""Files that several films share, and what is noted about films that are hard to keep."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generations", "0009_turns_and_back_off")]

    operations = [
        migrations.CreateModel(
            name="StoredFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.CharField(max_length=64)),
                ("file_name", models.CharField(max_length=200, unique=True)),
                ("poster_name", models.CharField(blank=True, max_length=200)),
                ("last_frame_name", models.CharField(blank=True, max_length=200)),
                (
                    "uses",
                    models.PositiveIntegerField(
                        default=1, help_text="films; at 0 the files may go"
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("uses", 0)),
                        fields=["created_at"],
                        name="stored_file_unused",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("uses__gt", 0)),
                        fields=("sha256",),
                        name="stored_file_once",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="film",
            name="stored",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                help_text="without it the files are this film's alone",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="films",
                to="generations.storedfile",
            ),
        ),
        migrations.AddField(
            model_name="film",
            name="failures",
            field=models.PositiveIntegerField(
                default=0, help_text="attempts in a row that brought nothing"
            ),
        ),
        migrations.AddField(
            model_name="film",
            name="lost_at",
            field=models.DateTimeField(
                blank=True, help_text="first given up; it may be tried again by hand", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="film",
            index=models.Index(
                condition=models.Q(("state", "given_up")), fields=["lost_at"], name="film_lost"
            ),
        ),
    ]
