"""The vendor's six prices for Seedance 1.5 Pro. Source: the vendor's page, Pricing."""

from datetime import datetime, timezone

from django.db import migrations

MODEL = "doubao-seedance-1.5-pro"
SINCE = datetime(2020, 1, 1, tzinfo=timezone.utc)
CREDITS_PER_SECOND = {"480p": (3, 7), "720p": (7, 14), "1080p": (15, 30)}


def add_rates(apps, schema_editor):
    Rate = apps.get_model("billing", "Rate")
    for resolution, (silent, sounding) in CREDITS_PER_SECOND.items():
        for audio, credits in ((False, silent), (True, sounding)):
            Rate.objects.get_or_create(
                model=MODEL,
                resolution=resolution,
                audio=audio,
                effective_from=SINCE,
                defaults={"credits_per_second": credits},
            )


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [migrations.RunPython(add_rates, migrations.RunPython.noop)]
