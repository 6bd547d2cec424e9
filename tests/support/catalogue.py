"""Rows of the catalogue, changed as an administrator changes them."""

from typing import Any

from billing.models import Rate
from generations.models import VideoModel
from tests.support.api import MODEL


def change_parameter(model: VideoModel, name: str, **changes: Any) -> None:
    """Change some keys of one of a model's parameters, unsaved."""
    model.parameters = [
        {**spec, **changes} if spec["name"] == name else spec for spec in model.parameters
    ]


def drop_parameter(model: VideoModel, name: str) -> None:
    """Take a parameter from a model, unsaved."""
    model.parameters = [spec for spec in model.parameters if spec["name"] != name]


def add_parameter(model: VideoModel, **spec: Any) -> None:
    """Give a model one more parameter, unsaved."""
    model.parameters = [*model.parameters, spec]


def copied_model(name: str, title: str) -> VideoModel:
    """Return a new model that takes and costs what Seedance 1.5 Pro does, unsaved but priced."""
    model = VideoModel.objects.get(name=MODEL)
    for rate in Rate.objects.filter(model=MODEL):
        rate.pk, rate.model = None, name
        rate.save(force_insert=True)
    model.pk, model.name, model.title = None, name, title
    return model
