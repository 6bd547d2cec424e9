"""What a model takes, by its row of the catalogue alone."""

from collections.abc import Iterable

from generations.catalog.parameters import Choice, Parameter, WholeNumber
from generations.catalog.specs import BadParameters, read_parameters
from generations.models import VideoModel
from platform_site.db.catalogue import Catalogue, catalogue

# What was read of a model's `parameters`, kept with the instance and what it was read of.
_READ = "_parameters_read"


def parameters_of(model: VideoModel) -> tuple[Parameter, ...]:
    """Return the parameters that a model takes, in its row's order. Raises `BadParameters`."""
    raw, read = model.__dict__.get(_READ, (None, ()))
    if raw is not model.parameters:
        raw, read = model.parameters, read_parameters(model.parameters)
        model.__dict__[_READ] = raw, read
    found: tuple[Parameter, ...] = read
    return found


def readable_parameters_of(model: VideoModel) -> tuple[Parameter, ...]:
    """Return the parameters of a model whose row may be broken: then none."""
    try:
        return parameters_of(model)
    except BadParameters:
        return ()


def models_of_site(known: Catalogue | None = None) -> list[VideoModel]:
    """Return every model by name, as the catalogue `known` says, or the present one.

    They are shared by all that ask: change none.
    """
    return (known or catalogue()).recall("models", lambda: list(VideoModel.objects.all()))


def model_named(name: str, known: Catalogue | None = None) -> VideoModel | None:
    """Return the model of this name, as `models_of_site` has it; None for one that is gone."""
    return next((one for one in models_of_site(known) if one.name == name), None)


def orderable_models() -> list[VideoModel]:
    """Return the models that can be used, by name: active, and with a row that can be read."""
    return [one for one in models_of_site() if one.active and readable_parameters_of(one)]


def durations_of(model: VideoModel) -> range:
    """Return the lengths in seconds that a model can make."""
    for one in readable_parameters_of(model):
        if one.name == "duration" and isinstance(one, WholeNumber):
            return range(one.low, one.high + 1)
    return range(0)


def resolutions_of(model: VideoModel) -> tuple[str, ...]:
    """Return the resolutions that a model can make, lowest first."""
    for one in readable_parameters_of(model):
        if one.name == "resolution" and isinstance(one, Choice):
            return one.choices
    return ()


def names_refused_by(model: VideoModel, catalogue: Iterable[VideoModel]) -> tuple[str, ...]:
    """Return the fields that others take and `model` does not, to be refused by name."""
    taken = _names_taken_by(model)
    names = [*model.refused_fields]
    for other in catalogue:
        names += [*other.refused_fields, *_names_taken_by(other)]
    return tuple(name for name in dict.fromkeys(names) if name not in taken)


def _names_taken_by(model: VideoModel) -> list[str]:
    return [name for one in readable_parameters_of(model) for name in one.names]
