"""Each list of the admin stays under 40 kB on the wire, with full pages of rows."""

import random
from typing import Any

from django.contrib import admin
from django.test import Client
from django.urls import reverse

from generations.models import Generation
from tests.generations.admin.conftest import World, grow

MOST_BYTES = 40_000
ROUNDS = 26  # two generations each: more than the 50 rows of a page
WORDS = (
    "a",
    "harbour",
    "moth",
    "neon",
    "slow",
    "dolly",
    "rain",
    "window",
    "under",
    "crane",
    "tilts",
)


def test_f10_lists_are_light(browser: Client, world: World) -> None:
    grow(world, times=ROUNDS)
    choose = random.Random(7)
    for generation in Generation.objects.all():
        prompt = " ".join(choose.choices(WORDS, k=40))
        Generation.objects.filter(pk=generation.pk).update(prompt=prompt)
    assert Generation.objects.count() > 50
    weights: dict[str, Any] = {}
    for model in admin.site._registry:
        path = reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")
        reply = browser.get(path, headers={"Accept-Encoding": "gzip"})
        assert (reply.status_code, reply["Content-Encoding"]) == (200, "gzip"), path
        weights[path] = len(reply.content)
    assert {path: size for path, size in weights.items() if size >= MOST_BYTES} == {}
