"""What was asked for, as a film's page lists it beside its picture."""

from dataclasses import dataclass

from generations.catalog import Boolean, Parameter, WholeNumber, ordered_inputs, parameters_by_name
from generations.models import Generation

# They stand together in a line of their own.
_PICTURE = {"duration", "resolution", "aspect_ratio"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One parameter of a generation in words."""

    title: str
    words: str


def facts_of(generation: Generation) -> list[Fact]:
    """Return the parameters that a generation was submitted with, in the composer's order."""
    inputs = ordered_inputs(generation)
    facts = []
    parameters = parameters_by_name(generation.model)
    for one in sorted(parameters, key=lambda one: one.position):
        if one.name in _PICTURE or not (one.is_optional or one.name in inputs):
            continue
        value = inputs.get(one.name)
        if one.name == "seed" and generation.seed is not None:
            value = generation.seed  # the vendor's, which makes a similar film again
        facts.append(Fact(one.title or one.label, _words(one, value)))
    return facts


def _words(parameter: Parameter, value: object) -> str:
    if isinstance(parameter, Boolean):
        return parameter.words[0] if value else parameter.words[1]
    if value is None:
        return (isinstance(parameter, WholeNumber) and parameter.placeholder) or "–"
    return str(value)
