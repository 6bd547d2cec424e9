"""Seedance 1.5 Pro in the catalogue. Source: the vendor's page; sizes: the model maker's table."""

from django.db import migrations

NAME = "doubao-seedance-1.5-pro"
RATIOS = ["16:9", "4:3", "1:1", "3:4", "9:16", "21:9"]
SIZES = {
    "480p": [(864, 496), (752, 560), (640, 640), (560, 752), (496, 864), (992, 432)],
    "720p": [(1280, 720), (1112, 834), (960, 960), (834, 1112), (720, 1280), (1470, 630)],
    "1080p": [(1920, 1080), (1664, 1248), (1440, 1440), (1248, 1664), (1080, 1920), (2206, 946)],
}
PARAMETERS = [
    {
        "name": "duration",
        "type": "integer",
        "from": 4,
        "to": 12,
        "unit": "seconds",
        "default": 5,
        "label": "Duration",
        "position": 1,
        "metadata": "duration",
    },
    {
        "name": "aspect_ratio",
        "aliases": ["ratio"],
        "type": "choice",
        "choices": RATIOS,
        "default": "16:9",
        "label": "Aspect ratio",
        "position": 3,
        "metadata": "ratio",
    },
    {
        "name": "resolution",
        "type": "choice",
        "choices": list(SIZES),
        "default": "720p",
        "label": "Resolution",
        "position": 2,
        "metadata": "resolution",
    },
    {
        "name": "generate_audio",
        "type": "boolean",
        "default": True,
        "label": "Audio",
        "help": "generated with the video",
        "position": 4,
        "metadata": "generate_audio",
    },
    {
        "name": "watermark",
        "type": "boolean",
        "default": False,
        "label": "Watermark",
        "help": "“AI Generated”, lower right",
        "place": "advanced",
        "position": 6,
    },
    {
        "name": "camera_fixed",
        "type": "boolean",
        "default": False,
        "label": "Fixed camera",
        "help": "asks for a still camera",
        "title": "Camera",
        "words": ["fixed", "free"],
        "place": "advanced",
        "position": 5,
    },
    {
        "name": "seed",
        "type": "integer",
        "from": -1,
        "to": 2**32 - 1,
        "default": None,
        "label": "Seed",
        "help": "the same seed gives a similar film",
        "placeholder": "random",
        "place": "advanced",
        "position": 7,
    },
]
REFUSED = ["video_urls", "audio_urls", "generation_type", "web_search", "return_last_frame"]


def add_model(apps, schema_editor):
    VideoModel = apps.get_model("generations", "VideoModel")
    VideoModel.objects.get_or_create(
        name=NAME,
        defaults={
            "title": "Seedance 1.5 Pro",
            "parameters": PARAMETERS,
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
