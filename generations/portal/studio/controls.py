"""The composer's controls: one for each parameter that the model takes and people may see."""

from collections.abc import Mapping
from dataclasses import dataclass

from generations.catalog import Boolean, Choice, Parameter, ParameterValue, Placement, WholeNumber

ON, OFF = "on", "off"
_MOST_STEPS = 60  # of a slider; a longer range is typed
_SIGNS = {"seconds": "s"}


@dataclass(frozen=True, slots=True)
class Control:
    """A parameter with what was typed into it and what was wrong with that."""

    parameter: Parameter
    typed: str
    error: str = ""

    @property
    def kind(self) -> str:
        """Return which control it is: a switch, segments, a slider or a text field."""
        one = self.parameter
        if isinstance(one, Boolean):
            return "switch"
        if isinstance(one, Choice):
            return "segments"
        is_short = isinstance(one, WholeNumber) and one.high - one.low <= _MOST_STEPS
        return "slider" if is_short and not one.is_optional else "text"

    @property
    def is_on(self) -> bool:
        """Return whether a switch is on."""
        return self.typed == ON

    @property
    def sign(self) -> str:
        """Return the short form of the unit of a number."""
        unit = self.parameter.unit if isinstance(self.parameter, WholeNumber) else ""
        return _SIGNS.get(unit, unit)

    @property
    def is_touched(self) -> bool:
        """Return whether there is something to see: another value than the default, or an error."""
        return bool(self.error) or self.typed != text_of(self.parameter.default)


def controls_of(
    parameters: tuple[Parameter, ...], typed: Mapping[str, str], errors: Mapping[str, str]
) -> list[Control]:
    """Return the controls in the order in which people see them."""
    shown = [one for one in parameters if one.place != Placement.HIDDEN]
    return [
        Control(one, typed.get(one.name, ""), errors.get(one.name, ""))
        for one in sorted(shown, key=lambda one: one.position)
    ]


def text_of(value: ParameterValue | None) -> str:
    """Return a value as a form has it; "" for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return ON if value else OFF
    return str(value)
