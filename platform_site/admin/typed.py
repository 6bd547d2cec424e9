"""The theme's decorators with types: the theme itself has none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from unfold.decorators import action as unfold_action
from unfold.decorators import display as unfold_display
from unfold.enums import ActionVariant

F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["ActionVariant", "action", "display"]


def display(
    *,
    description: str,
    ordering: Any = None,
    boolean: bool | None = None,
) -> Callable[[F], F]:
    """Describe a column or field."""
    decorate: Callable[[F], F] = unfold_display(
        description=description, ordering=ordering, boolean=boolean
    )
    return decorate


def action(
    *,
    description: str,
    icon: str,
    permissions: Sequence[str],
    dialog: Mapping[str, Any],
    variant: ActionVariant = ActionVariant.DEFAULT,
) -> Callable[[F], F]:
    """Make a method a button of a row's page.

    Always with a dialog: its form is a POST with a CSRF token, a plain button would be a GET.
    """
    decorate: Callable[[F], F] = unfold_action(
        description=description,
        icon=icon,
        permissions=permissions,
        dialog=dialog,
        variant=variant,
    )
    return decorate
