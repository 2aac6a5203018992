"""YAML settings read into frozen dataclasses, with one sentence for every mistake in the file."""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from affordance_grasp.errors import InvalidInput

T = TypeVar("T")


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping."""
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"cannot read settings {path}: {error}") from error
    if not isinstance(content, dict):
        raise InvalidInput(f"settings {path} must be a mapping of names to values")
    return content


def build(kind: type[T], values: dict[str, Any], source: Path | str) -> T:
    """Make the dataclass ``kind`` from a mapping; unknown and missing names are refused."""
    known = fields(kind)  # type: ignore[arg-type]
    names = [field.name for field in known]
    unknown = sorted(set(values) - set(names))
    if unknown:
        raise InvalidInput(f"{source}: unknown setting {unknown[0]!r}; known: {', '.join(names)}")
    missing = [
        field.name
        for field in known
        if field.default is MISSING
        and field.default_factory is MISSING
        and field.name not in values
    ]
    if missing:
        raise InvalidInput(f"{source}: setting {missing[0]!r} is missing")
    try:
        return kind(**{name: _frozen(value) for name, value in values.items()})
    except TypeError as error:
        raise InvalidInput(f"{source}: a setting has the wrong type: {error}") from error


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
