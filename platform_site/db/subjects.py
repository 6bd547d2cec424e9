"""What a row is about, kept as a kind and an id: history outlives what it is about."""

import re

from django.apps import apps
from django.db import models

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class SubjectModel(models.Model):
    """Base of models whose rows name what they are about."""

    subject_kind = models.CharField(
        max_length=40,
        blank=True,
        help_text="A model, or what a spend limit applies to.",
    )
    subject_id = models.CharField(max_length=100, blank=True)

    class Meta:
        abstract = True


def subject_kind_of(row: models.Model | type[models.Model]) -> str:
    """Return the kind of a row or of a model's rows: `provider_key`."""
    # Not `type(row)`: a request's user is a proxy, which has the class of what it stands for.
    model = row if isinstance(row, type) else row.__class__
    return _CAPITAL.sub("_", model.__name__).lower()


def model_of(kind: str) -> type[models.Model] | None:
    """Return the model whose rows are of this kind, if there is one."""
    return next((model for model in apps.get_models() if subject_kind_of(model) == kind), None)
