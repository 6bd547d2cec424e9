"""Only `generations/transitions.py` writes the state of a generation.

What cannot be seen to be about another model is taken to be about a generation: a value such as
`Film.State.KEPT`, or rows that come from such a class in the same function, show it.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import PACKAGES, Module, Problem, modules

WRITER = "generations/transitions.py"
# What is not in the database yet has no state to leave.
NEW_ROWS = {("generations/ordering/submit.py", "_admit")}
_MESSAGE = f"writes the state of a generation; only {WRITER} does"
_WRITES = frozenset({"update", "bulk_update", "update_or_create", "bulk_create", "save"})
_LISTS = frozenset({"fields", "update_fields", "defaults"})

Function = ast.FunctionDef | ast.AsyncFunctionDef
Names = dict[str, ast.expr]


def writers_of_state(root: Path) -> Iterator[Problem]:
    """Yield what else writes a generation's state."""
    for module in modules(root, *PACKAGES):
        if module.path != WRITER and re.search(r"\bstate\b|\bsetattr\b", module.text):
            yield from _written(module)


def _written(module: Module) -> Iterator[Problem]:
    assigned: dict[ast.AST, Names] = {}
    for node, function in _with_functions(module.tree, None):
        if function and (module.path, function.name) in NEW_ROWS:
            continue
        scope = function or module.tree
        if scope not in assigned:
            assigned[scope] = _assigned(scope)
        if _writes(node, assigned[scope]):
            yield Problem(module.path, getattr(node, "lineno", 0), _MESSAGE)


def _with_functions(
    node: ast.AST, function: Function | None
) -> Iterator[tuple[ast.AST, Function | None]]:
    """Yield everything below `node` with the innermost function that it stands in."""
    for child in ast.iter_child_nodes(node):
        yield child, function
        yield from _with_functions(child, child if isinstance(child, Function) else function)


def _assigned(scope: ast.AST) -> Names:
    """Return what names are assigned in a function, of those that mean one thing in all of it."""
    values: Names = {}
    bound: Counter[str] = Counter()
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            values |= dict.fromkeys(names, node.value)
        elif isinstance(node, ast.arg):
            bound[node.arg] += 1
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound[node.id] += 1
    return {name: value for name, value in values.items() if bound[name] == 1}


def _writes(node: ast.AST, known: Names) -> bool:
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        parts = [part for target in targets for part in ast.walk(target)]
        return node.value is not None and any(
            isinstance(part, ast.Attribute)
            and part.attr == "state"
            and isinstance(part.ctx, ast.Store)
            and not _is_of_another_model(node.value, part.value, known)
            for part in parts
        )
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id == "setattr" and len(node.args) == 3 and _sets_state(node)
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in _WRITES:
        return False
    return any(
        not _is_of_another_model(value, node.func.value, known) for value in _state_values(node)
    )


def _sets_state(call: ast.Call) -> bool:
    """Return whether a `setattr` may be of a generation's state, also by a name it is given."""
    row, name = call.args[0], call.args[1]
    if isinstance(name, ast.Constant):
        return name.value == "state"
    return "generation" in ast.unparse(row).lower()


def _state_values(call: ast.Call) -> Iterator[ast.expr]:
    """Yield what a call writes into `state`: by keyword, in a mapping, or by a list of columns."""
    for keyword in call.keywords:
        named = keyword.arg == "state"
        listed = keyword.arg in {*_LISTS, None} and _names_state(keyword.value)
        if named or listed:
            yield keyword.value
    for value in call.args[1:]:
        if _names_state(value):
            yield value


def _names_state(value: ast.expr) -> bool:
    return any(isinstance(part, ast.Constant) and part.value == "state" for part in ast.walk(value))


def _is_of_another_model(value: ast.expr, rows: ast.expr, known: Names) -> bool:
    """Return whether a value, or the rows it is written to, are of a class that is named there."""
    by_value = (
        isinstance(value, ast.Attribute)
        and isinstance(value.value, ast.Attribute)
        and value.value.attr == "State"
        and _class_of(value, {}) is not None
    )
    owner = _class_of(value, {}) if by_value else _class_of(rows, known)
    return owner not in {None, "Generation"}


def _class_of(value: ast.expr, known: Names) -> str | None:
    """Return the class that a chain of attributes and calls begins with, if it does."""
    seen = set()
    while True:
        if isinstance(value, ast.Attribute):
            value = value.value
        elif isinstance(value, ast.Call):
            value = value.func
        elif isinstance(value, ast.Subscript):
            value = value.value
        elif isinstance(value, ast.Name) and value.id in known and value.id not in seen:
            seen.add(value.id)
            value = known[value.id]
        else:
            break
    is_class = isinstance(value, ast.Name) and value.id[:1].isupper()
    return value.id if is_class and isinstance(value, ast.Name) else None
