"""The kinds of parameters that a model can take: what each accepts, and how it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from generations.errors import InvalidInput

ParameterValue = bool | int | str


class Placement(StrEnum):
    """Where the composer shows a parameter; a hidden one is for the API alone."""

    MAIN = "main"
    ADVANCED = "advanced"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a model; `docs/models.md` explains each field.

    Without a `default` it is optional: sent only when it was asked for.
    """

    name: str
    label: str
    default: ParameterValue | None
    aliases: tuple[str, ...] = ()
    help: str = ""
    title: str = ""
    place: Placement = Placement.MAIN
    position: int = 0
    metadata: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Return every name that a request may give it by."""
        return (self.name, *self.aliases)

    @property
    def is_optional(self) -> bool:
        """Return whether a request may be sent without it."""
        return self.default is None

    def value_in(self, inputs: Mapping[str, Any]) -> ParameterValue | None:
        """Return its value in a request's inputs, the default where it is left out.

        Raises `InvalidInput`, whose `field` is the parameter's name whatever alias was used.
        """
        written = [name for name in self.names if inputs.get(name) is not None]
        if not written:
            return self.default
        for alias in written[1:]:
            if inputs[alias] != inputs[written[0]]:
                says = f"is an alias of 'input.{self.name}', and the two disagree."
                raise InvalidInput(alias, says, field=self.name)
        value = self.accepted(inputs[written[-1]])
        if value is None:
            raise InvalidInput(written[-1], f"must be {self.rule}.", field=self.name)
        return value

    @property
    def rule(self) -> str:
        """Return what a value must be, as a sentence goes on after "must be"."""
        raise NotImplementedError

    def accepted(self, value: object) -> ParameterValue | None:
        """Return a JSON value if the parameter can have it, else None."""
        raise NotImplementedError

    def differs(self, ordered: ParameterValue, reported: object) -> bool:
        """Return whether the vendor says that it made something else than was requested."""
        return ordered != reported


@dataclass(frozen=True, slots=True, kw_only=True)
class Boolean(Parameter):
    """True or false. `words` say on a film's page which it was: true first."""

    words: tuple[str, str] = ("on", "off")

    @property
    def rule(self) -> str:
        """Return what a value must be."""
        return "true or false"

    def accepted(self, value: object) -> ParameterValue | None:
        """Return a truth value, and nothing that only counts as one."""
        return value if isinstance(value, bool) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Parameter):
    """One of some texts; those `left_to_vendor` ask it to choose, so any report fits them."""

    choices: tuple[str, ...]
    left_to_vendor: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        """Return what a value must be."""
        return f"one of {', '.join(self.choices)}"

    def accepted(self, value: object) -> ParameterValue | None:
        """Return one of the choices."""
        return value if isinstance(value, str) and value in self.choices else None

    def differs(self, ordered: ParameterValue, reported: object) -> bool:
        """Return whether something else was reported than the one choice that was requested."""
        return ordered not in self.left_to_vendor and ordered != reported


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeNumber(Parameter):
    """A whole number from `low` to `high`, of `unit` if there is one, such as "seconds"."""

    low: int
    high: int
    unit: str = ""
    placeholder: str = ""

    @property
    def rule(self) -> str:
        """Return what a value must be."""
        if self.unit:
            return f"a whole number of {self.unit} from {self.low} to {self.high}"
        return f"an integer in [{self.low}, {self.high}]"

    def accepted(self, value: object) -> ParameterValue | None:
        """Return a whole number within the range; true and 5.0 are none."""
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        return value if self.low <= value <= self.high else None
