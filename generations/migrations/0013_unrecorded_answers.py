"""A vendor's answer that cannot be recorded asks for a review, with a reason of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generations", "0012_links_of_any_length")]

    operations = [
        migrations.AlterField(
            model_name="generation",
            name="review_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("submit_unknown", "The vendor may have accepted it without telling us"),
                    ("silent", "The vendor has not finished it by its deadline"),
                    ("unrecorded", "The vendor's answer could not be recorded"),
                ],
                max_length=20,
            ),
        ),
    ]
