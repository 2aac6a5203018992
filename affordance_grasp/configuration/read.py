"""Settings out of YAML files and out of words such as ``name=value``."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any, TypeVar

from affordance_grasp.configuration.documents import read_yaml
from affordance_grasp.configuration.settings import Setting, settings_of
from affordance_grasp.errors import InvalidInput, UnknownName

T = TypeVar("T")


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping."""
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InvalidInput(f"settings {path} must be a mapping of names to values")
    return content


def read_settings(kind: type[T], path: Path) -> T:
    """Read one YAML file into settings of a class."""
    return build(kind, read_mapping(path), str(path))


def build(kind: type[T], values: Mapping[str, Any], source: str) -> T:
    """Settings of a class from names and plain values; groups of settings are mappings in turn.

    Raises:
        InvalidInput: an unknown or missing name, or a value that is refused; names the ``source``.
    """
    if not isinstance(values, Mapping):
        raise InvalidInput(f"{source} is {values!r}; it must be a mapping of names to values")
    known = {setting.name: setting for setting in settings_of(kind)}
    if unknown := [name for name in values if name not in known]:
        raise InvalidInput(f"{source}: unknown setting {unknown[0]!r}; known: {', '.join(known)}")
    for setting in known.values():
        if setting.default is MISSING and setting.name not in values:
            raise InvalidInput(f"{source}: setting {setting.name!r} is missing")
    try:
        return kind(**{name: _built(known[name], value, source) for name, value in values.items()})
    except UnknownName as error:
        raise InvalidInput(f"{source}: {error}") from error


def from_words(kind: type[T], words: Iterable[str], source: str) -> T:
    """Settings of a class from words such as ``convention=gpd``, as a command line has them.

    Raises:
        UnknownName: there is no setting of that name; lists the known ones.
        InvalidInput: a word without ``=``, or a value that is refused.
    """
    known = {setting.name: setting for setting in settings_of(kind)}
    values = {}
    for word in words:
        name, separator, text = word.partition("=")
        if not separator:
            raise InvalidInput(f"{source} {word!r} must be NAME=VALUE")
        if name not in known:
            raise UnknownName(source, name, tuple(known))
        values[name] = known[name].convert(text, f"{source} {name}", text=True)
    return kind(**values)


def _built(setting: Setting, value: Any, source: str) -> Any:
    if setting.group is not None and isinstance(value, Mapping):
        return build(setting.group, value, f"{source}: {setting.name}")
    return setting.convert(value, f"{source}: {setting.name}")
