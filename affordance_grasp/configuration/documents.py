"""YAML and JSON from anybody: plain values within limits, read by one door each.

Both give texts, numbers, switches, None, lists and mappings whose names are texts. Refused are
names that stand twice in a mapping, values nested deeper than ``MAX_DEPTH``, whole numbers beyond
64 bits, and, in YAML, tags such as ``!!float``, values inside themselves, and more than
``MAX_VALUES`` values, those repeated by aliases counted each time. What looks like a date, or like
YAML 1.1's ``1:30``, is text, so that a setting of another type refuses it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from math import inf, nan
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from affordance_grasp.errors import InvalidInput, shown
from affordance_grasp.files import read_bytes

T = TypeVar("T")

MAX_YAML_BYTES = 2**20
MAX_JSON_BYTES = 2**24
MAX_DEPTH = 32
MAX_VALUES = 200_000
MAX_WHOLE = 2**63 - 1

INTEGER = re.compile(r"[-+]?[0-9]+")
DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def _forms(word: str) -> tuple[str, str, str]:
    return word, word.capitalize(), word.upper()


WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **{form: True for word in ("true", "yes", "on") for form in _forms(word)},
    **{form: False for word in ("false", "no", "off") for form in _forms(word)},
    **{sign + ".inf": number for sign, number in (("", inf), ("+", inf), ("-", -inf))},
    ".nan": nan,
}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path, what: str = "settings", most_bytes: int = MAX_YAML_BYTES) -> Any:
    """The plain values of a YAML file.

    Raises:
        InvalidInput: no such file, or no YAML within the limits; names the line.
    """
    return parse_yaml(read_bytes(path, what, most_bytes), f"{what} {path}")


def parse_yaml(encoded: bytes, name: str) -> Any:
    """The plain values of a YAML text in UTF-8; ``name`` is what an error calls it."""
    try:
        events = yaml.parse(encoded.decode("utf-8-sig"), Loader=_LOADER)
        return _YamlDocument(events).values()
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidInput(f"{name} cannot be read ({error})") from error


def read_json(path: Path, what: str, most_bytes: int = MAX_JSON_BYTES) -> Any:
    """The plain values of a JSON file.

    Raises:
        InvalidInput: no such file, or no JSON within the limits.
    """
    return parse_json(read_bytes(path, what, most_bytes), f"{what} {path}")


def parse_json(encoded: bytes | str, name: str) -> Any:
    """The plain values of a JSON text; ``name`` is what an error calls it."""
    try:
        content = json.loads(encoded, object_pairs_hook=_unique, parse_int=_whole)
        _check_nesting(content)
    except RecursionError as error:
        raise InvalidInput(f"{name} is not readable JSON (nested too deep)") from error
    except ValueError as error:
        raise InvalidInput(f"{name} is not readable JSON ({error})") from error
    return content


def typed(kind: type[T], values: Any, name: str, advice: str = "") -> T:
    """Plain values as a type such as a dataclass; ``name`` is what an error calls them."""
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{name} cannot be read ({error}){advice}") from error


class _YamlDocument:
    """Builds the values of one YAML document from the events of its parser."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._count = 0
        self._anchored: dict[str, tuple[Any, int]] = {}

    def values(self) -> Any:
        """The values of the only document; None when it is empty."""
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        values = self._value(next(self._events), 1)
        next(self._events)
        if not isinstance(extra := next(self._events), yaml.StreamEndEvent):
            raise ValueError(f"{_line(extra)}: a second document begins; expected one")
        return values

    def _value(self, event: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ValueError(f"{_line(event)}: nested deeper than {MAX_DEPTH}")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchored:
                raise ValueError(f"{_line(event)}: *{event.anchor} stands for no earlier value")
            value, count = self._anchored[event.anchor]
            self._add(count, event)
            return value
        if event.tag not in (None, "!"):
            raise ValueError(f"{_line(event)}: tag {shown(event.tag)}; expected plain values")
        before = self._count
        self._add(1, event)
        value = self._built(event, depth)
        if event.anchor:
            self._anchored[event.anchor] = value, self._count - before
        return value

    def _built(self, event: Any, depth: int) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return _plain(event.value, event) if event.implicit[0] else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._value(item, depth + 1) for item in self._until(yaml.SequenceEndEvent)]
        mapping: dict[str, Any] = {}
        for name in self._until(yaml.MappingEndEvent):
            if not isinstance(name, yaml.ScalarEvent):
                raise ValueError(f"{_line(name)}: a name is no text")
            if name.value in mapping:
                raise ValueError(f"{_line(name)}: {shown(name.value)} stands twice")
            mapping[name.value] = self._value(next(self._events), depth + 1)
        return mapping

    def _until(self, end: type) -> Iterator[Any]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _add(self, count: int, event: Any) -> None:
        self._count += count
        if self._count > MAX_VALUES:
            raise ValueError(f"{_line(event)}: more than {MAX_VALUES} values")


def _plain(text: str, event: Any) -> Any:
    """The number, switch or None that a word stands for, else the word."""
    if text in WORDS:
        return WORDS[text]
    try:
        if INTEGER.fullmatch(text):
            return _whole(text)
    except ValueError as error:
        raise ValueError(f"{_line(event)}: {error}") from error
    return float(text) if DECIMAL.fullmatch(text) else text


def _whole(digits: str) -> int:
    if len(digits) > 20 or abs(whole := int(digits)) > MAX_WHOLE:
        raise ValueError(f"whole number {shown(digits)} is beyond 64 bits")
    return whole


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{shown(twice)} stands twice")
    return mapping


def _check_nesting(content: Any) -> None:
    """Raise ValueError for values nested too deep, and for texts that cannot be written."""
    level, depth = [content], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        inner: list[Any] = []
        for value in level:
            if isinstance(value, str):
                value.encode()  # a half of a surrogate pair is an error
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, dict):
                inner += (*value, *value.values())
        level = inner


def _line(event: Any) -> str:
    return f"line {event.start_mark.line + 1}"
