"""A model's parameters from the JSON of its row, and what is wrong with it in sentences."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from generations.catalog.parameters import Boolean, Choice, Parameter, Placement, WholeNumber
from generations.vendors import METADATA_NAMES
from platform_site.text.visible import is_blank

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
# Fields of a request that every model has.
_TAKEN = frozenset({"prompt", "image_urls"})
# A generation has columns for these, and the price needs the first two.
_COLUMNS: Mapping[str, type[Parameter]] = {
    "duration": WholeNumber,
    "resolution": Choice,
    "aspect_ratio": Choice,
    "generate_audio": Boolean,
}
_NEEDED = ("duration", "resolution")
_LONGEST_CHOICE = 10  # characters, of the columns above
_LONGEST_SECONDS = 3600
_LONGEST_TEXT = 200
_LARGEST = 2**53  # the last whole number that every reader of JSON can hold
_COMMON = {
    *("name", "type", "label", "default", "aliases"),
    *("help", "title", "place", "position", "metadata"),
}
_OWN = {
    "boolean": {"words"},
    "choice": {"choices", "left_to_vendor"},
    "integer": {"from", "to", "unit", "placeholder"},
}


class BadParameters(ValueError):
    """A row's parameters cannot be read; `problems` are sentences for whoever wrote them."""

    def __init__(self, problems: list[str]) -> None:
        """Carry every problem that was found."""
        super().__init__(" ".join(problems))
        self.problems = problems


def read_parameters(specs: object) -> tuple[Parameter, ...]:
    """Return the parameters of a row, in its order. Raises `BadParameters`."""
    if not isinstance(specs, list):
        raise BadParameters(["A list of parameters, each an object."])
    parameters: list[Parameter] = []
    problems: list[str] = []
    for number, spec in enumerate(specs, start=1):
        name = spec.get("name") if isinstance(spec, dict) else None
        where = f"Parameter {number}" + (f" ({name[:40]})" if isinstance(name, str) else "")
        try:
            parameters.append(_read_parameter(spec))
        except _Problem as problem:
            problems.append(f"{where}: {problem}")
    problems.extend(_problems_together(parameters) if not problems else [])
    if problems:
        raise BadParameters(problems)
    return tuple(parameters)


class _Problem(Exception):
    """What is wrong with one parameter, as a sentence."""


def _read_parameter(spec: object) -> Parameter:
    if not isinstance(spec, dict):
        raise _Problem("an object.")
    kind = spec.get("type")
    if not isinstance(kind, str) or kind not in _OWN:
        raise _Problem(f"its 'type' is one of {', '.join(_OWN)}.")
    for key in spec:
        if key not in _COMMON | _OWN[kind]:
            raise _Problem(f"'{key}' says nothing about a parameter of type {kind}.")
    parameter = _READERS[kind](spec, _read_common(spec))
    if parameter.default is not None and parameter.accepted(parameter.default) is None:
        raise _Problem(f"its 'default' must be {parameter.rule}.")
    _check_column(parameter)
    return parameter


def _read_common(spec: Mapping[str, Any]) -> dict[str, Any]:
    name = _text(spec, "name")
    aliases = _texts(spec, "aliases")
    for one in (name, *aliases):
        if not _NAME.match(one):
            raise _Problem("names are small letters, digits and '_', at most 40.")
    place = _text(spec, "place", default=Placement.MAIN.value)
    if place not in list(Placement):
        raise _Problem(f"its 'place' is one of {', '.join(Placement)}.")
    metadata = _text(spec, "metadata", default="")
    if metadata and metadata not in METADATA_NAMES:
        raise _Problem(f"its 'metadata' is one of {', '.join(METADATA_NAMES)}, or left out.")
    if "default" not in spec:
        raise _Problem("its 'default' is missing; null makes it optional.")
    return {
        "name": name,
        "aliases": aliases,
        "label": _text(spec, "label"),
        "default": spec["default"],
        "help": _text(spec, "help", default=""),
        "title": _text(spec, "title", default=""),
        "place": Placement(place),
        "position": _number(spec, "position", default=0),
        "metadata": metadata,
    }


def _read_boolean(spec: Mapping[str, Any], common: dict[str, Any]) -> Parameter:
    if common["default"] is None:
        raise _Problem("its 'default' must be true or false.")
    words = _texts(spec, "words") or ("on", "off")
    if len(words) != 2:
        raise _Problem("its 'words' are two: for true and for false.")
    return Boolean(**common, words=(words[0], words[1]))


def _read_choice(spec: Mapping[str, Any], common: dict[str, Any]) -> Parameter:
    choices = _texts(spec, "choices")
    if not choices or len(set(choices)) < len(choices):
        raise _Problem("its 'choices' are a list of texts, each once.")
    if common["default"] is None:
        raise _Problem("its 'default' must be one of its choices.")
    left = _texts(spec, "left_to_vendor")
    if not set(left) <= set(choices):
        raise _Problem("its 'left_to_vendor' are among its choices.")
    return Choice(**common, choices=choices, left_to_vendor=left)


def _read_integer(spec: Mapping[str, Any], common: dict[str, Any]) -> Parameter:
    low, high = _number(spec, "from"), _number(spec, "to")
    if low > high:
        raise _Problem("its 'from' lies above its 'to'.")
    unit = _text(spec, "unit", default="")
    placeholder = _text(spec, "placeholder", default="")
    return WholeNumber(**common, low=low, high=high, unit=unit, placeholder=placeholder)


_READERS: Mapping[str, Callable[[Mapping[str, Any], dict[str, Any]], Parameter]] = {
    "boolean": _read_boolean,
    "choice": _read_choice,
    "integer": _read_integer,
}


def _check_column(parameter: Parameter) -> None:
    """Refuse what the columns of a generation could not hold."""
    kind = _COLUMNS.get(parameter.name)
    if kind is None:
        return
    if not isinstance(parameter, kind):
        raise _Problem("it has another 'type' everywhere.")
    if isinstance(parameter, Choice) and max(map(len, parameter.choices)) > _LONGEST_CHOICE:
        raise _Problem(f"its 'choices' have at most {_LONGEST_CHOICE} characters.")
    if isinstance(parameter, WholeNumber):
        if parameter.is_optional:
            raise _Problem("its 'default' is missing: the price needs one.")
        if parameter.low < 1 or parameter.high > _LONGEST_SECONDS:
            raise _Problem(f"it lies from 1 to {_LONGEST_SECONDS} seconds.")


def _problems_together(parameters: list[Parameter]) -> list[str]:
    names = [name for parameter in parameters for name in parameter.names]
    problems = [f"'{name}' is there twice." for name in sorted(set(names)) if names.count(name) > 1]
    problems += [f"'{name}' is a field of every model." for name in names if name in _TAKEN]
    listed = {parameter.name for parameter in parameters}
    problems += [f"'{name}' is missing: it has a price." for name in _NEEDED if name not in listed]
    return problems


def _text(spec: Mapping[str, Any], key: str, *, default: str | None = None) -> str:
    value = spec.get(key, default)
    if not isinstance(value, str) or (default is None and is_blank(value)):
        raise _Problem(f"its '{key}' is a text.")
    if len(value) > _LONGEST_TEXT:
        raise _Problem(f"its '{key}' has at most {_LONGEST_TEXT} characters.")
    return value


def _texts(spec: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = spec.get(key, [])
    if not isinstance(values, list) or not all(isinstance(one, str) and one for one in values):
        raise _Problem(f"its '{key}' are a list of texts.")
    return tuple(values)


def _number(spec: Mapping[str, Any], key: str, *, default: int | None = None) -> int:
    value = spec.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
        raise _Problem(f"its '{key}' is a whole number.")
    return value
