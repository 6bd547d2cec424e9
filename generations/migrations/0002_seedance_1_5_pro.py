"""Seedance 1.5 Pro in the catalogue. Source: the vendor's page; sizes: the model maker's table."""

from django.db import migrations

NAME = "doubao-seedance-1.5-pro"
RATIOS = ["16:9", "4:3", "1:1", "3:4", "9:16", "21:9"]
SIZES = {
    "480p": [(864, 496), (752, 560), (640, 640), (560, 752), (496, 864), (992, 432)],
    "720p": [(1280, 720), (1112, 834), (960, 960), (834, 1112), (720, 1280), (1470, 630)],
    "1080p": [(1920, 1080), (1664, 1248), (1440, 1440), (1248, 1664), (1080, 1920), (2206, 946)],
}
REFUSED = ["video_urls", "audio_urls", "generation_type", "web_search", "return_last_frame"]


def add_model(apps, schema_editor):
    VideoModel = apps.get_model("generations", "VideoModel")
    VideoModel.objects.get_or_create(
        name=NAME,
        defaults={
            "title": "Seedance 1.5 Pro",
            "min_seconds": 4,
            "max_seconds": 12,
            "default_seconds": 5,
            "resolutions": list(SIZES),
            "default_resolution": "720p",
            "aspect_ratios": RATIOS,
            "default_aspect_ratio": "16:9",
            "max_images": 2,
            "frames_per_second": 24,
            "refused_fields": REFUSED,
            "sizes": {
                resolution: {ratio: list(size) for ratio, size in zip(RATIOS, sizes)}
                for resolution, sizes in SIZES.items()
            },
        },
    )


class Migration(migrations.Migration):
    dependencies = [("generations", "0001_initial")]
    operations = [migrations.RunPython(add_model, migrations.RunPython.noop)]
