"""What models take, as data: their parameters, modes and the price of a choice."""

from generations.catalog.comparison import (
    differs_from_request,
    frames_per_second_of,
    ordered_inputs,
    parameters_by_name,
)
from generations.catalog.entries import (
    durations_of,
    model_named,
    models_of_site,
    names_refused_by,
    orderable_models,
    parameters_of,
    readable_parameters_of,
    resolutions_of,
)
from generations.catalog.parameters import (
    Boolean,
    Choice,
    Parameter,
    ParameterValue,
    Placement,
    WholeNumber,
)
from generations.catalog.price_preview import PricePreview, Share, preview_rate
from generations.catalog.reserved_names import RESERVED_NAMES
from generations.catalog.specs import BadParameters, read_parameters

__all__ = [
    "RESERVED_NAMES",
    "BadParameters",
    "Boolean",
    "Choice",
    "Parameter",
    "ParameterValue",
    "Placement",
    "PricePreview",
    "Share",
    "WholeNumber",
    "differs_from_request",
    "durations_of",
    "frames_per_second_of",
    "model_named",
    "models_of_site",
    "names_refused_by",
    "orderable_models",
    "ordered_inputs",
    "parameters_by_name",
    "parameters_of",
    "preview_rate",
    "read_parameters",
    "readable_parameters_of",
    "resolutions_of",
]
