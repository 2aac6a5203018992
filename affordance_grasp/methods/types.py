"""Whether plain values, as YAML gives them, are of the types that a configuration takes."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from math import isfinite
from typing import Any

from affordance_grasp.errors import InvalidInput

WHOLE_LIMIT = 2**63
"""What torch and numpy take as a whole number."""


def refuse_other_types(configuration: Any, values: Any, group: str) -> None:
    """Refuse values of another type than the defaults of the dataclass ``configuration``.

    ``group`` names the values in the sentence. Unknown names, defaults that are neither a number,
    nor a switch, nor a name, and values that are no mapping are left to the dataclass.
    """
    if not isinstance(values, Mapping):
        return
    for field in fields(configuration):
        if field.name in values and field.default is not MISSING:
            value, words = values[field.name], _expected(values[field.name], field.default)
            if words:
                raise InvalidInput(f"setting {group}: {field.name} is {value!r}; expected {words}")


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number that fits 64 bits; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < WHOLE_LIMIT


def _expected(value: Any, default: Any) -> str | None:
    """What would be right in the place of ``value``; None where it is right."""
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "true or false"
    if isinstance(default, int):
        return None if is_whole(value) else "a whole number of at most 64 bits"
    if isinstance(default, float):
        number = is_whole(value) or (isinstance(value, float) and isfinite(value))
        return None if number else "a finite number"
    if isinstance(default, str):
        return None if isinstance(value, str) else "a name"
    return None
