"""What was requested against what the vendor says it made (P19)."""

from collections.abc import Mapping
from typing import Any

from generations.catalog.entries import model_named, readable_parameters_of
from generations.catalog.parameters import Parameter
from generations.models import Generation
from platform_site.db.catalogue import Catalogue


def parameters_by_name(name: str) -> tuple[Parameter, ...]:
    """Return a model's parameters; none for a row that is gone or broken: a paid film goes on."""
    model = model_named(name)
    return readable_parameters_of(model) if model else ()


def frames_per_second_of(name: str, known: Catalogue | None = None) -> int | None:
    """Return the frames per second of a model's films, as the catalogue `known` has it, or the
    present one; None for a row that is gone.
    """
    model = model_named(name, known)
    return model.frames_per_second if model else None


def ordered_inputs(generation: Generation) -> Mapping[str, Any]:
    """Return the inputs that were sent for a generation; nothing for a body that has none."""
    inputs = generation.body.get("input")
    return inputs if isinstance(inputs, dict) else {}


def differs_from_request(generation: Generation, metadata: Mapping[str, Any]) -> bool:
    """Return whether the vendor's metadata names a value other than the requested one.

    What was not sent, is not reported, or was left to the vendor is no difference.
    """
    inputs = ordered_inputs(generation)
    return any(
        parameter.differs(inputs[parameter.name], metadata[parameter.metadata])
        for parameter in parameters_by_name(generation.model)
        if parameter.name in inputs and parameter.metadata in metadata
    )
