"""Settings with types, bounds and descriptions in their annotations.

A class of settings is a frozen dataclass that inherits :class:`Settings`::

    @dataclass(frozen=True)
    class GrounderOptions(Settings, title="grounder"):
        method: Annotated[str, about("grounding method"), one_of("method", METHODS)] = "plsp"
        rate_hz: Annotated[Positive, about("most heatmaps per second", live=True)] = 2.0

However it is made, from YAML, flags, ROS parameters or in Python, every value is checked. Numbers
are finite and of the declared type: a whole number may stand for a decimal one, but neither a
switch nor a text for a number.
"""

from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields
from functools import cache
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, inspect

from affordance_grasp.errors import LONGEST_SHOWN, InvalidInput, UnknownName

MAX_WHOLE = 2**63 - 1
"""What ROS, torch and numpy take as a whole number."""

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
PositiveShare = Annotated[float, Meta(gt=0, le=1)]
Whole = Annotated[int, Meta(ge=0, le=MAX_WHOLE)]
Count = Annotated[int, Meta(ge=1, le=MAX_WHOLE)]
Seed = Whole
Word = Annotated[str, Meta(pattern=r"\S")]
Triple = tuple[float, float, float]
Size = tuple[Positive, Positive, Positive]


def about(description: str, *, flag: str = "", live: bool = False, words: str = "") -> Meta:
    """A setting's description, for its annotation.

    ``flag``: its name on the command line where that is not its own. ``live``: it may change
    while a node runs. ``words``: what help calls its several words.
    """
    return Meta(description=description, extra={"flag": flag, "live": live, "words": words})


def one_of(what: str, table: str) -> Meta:
    """A name out of a registry, to stand in an annotation.

    ``table`` is where the names stand, ``module:NAME``, imported when they are asked for.
    """
    return Meta(extra={"what": what, "table": table})


@dataclass(frozen=True)
class Setting:
    """One setting of a class: name, annotation, default, and the annotation's content.

    ``default`` is ``MISSING`` where there is none.
    """

    name: str
    annotation: Any
    default: Any

    @property
    def kind(self) -> inspect.Type:
        """Its type and bounds."""
        kind = inspect.type_info(self.annotation)
        return kind.type if isinstance(kind, inspect.Metadata) else kind

    @property
    def description(self) -> str:
        """Its description, empty without one."""
        return next(filter(None, (meta.description for meta in self._metas)), "")

    @property
    def help(self) -> str:
        """What it means, with the names that are known."""
        names = self.known
        if self.group is not None:
            names = tuple(each.name for each in settings_of(self.group))
        return f"{self.description}: {', '.join(names)}" if names else self.description

    @property
    def flag(self) -> str:
        """Its name on the command line, without dashes before it."""
        return self._extra("flag") or self.name.replace("_", "-")

    @property
    def words(self) -> tuple[str, ...]:
        """What help calls each of its words, where it has several of different meaning."""
        return tuple((self._extra("words") or "").split())

    @property
    def live(self) -> bool:
        """Whether it may change while a node runs."""
        return bool(self._extra("live"))

    @property
    def known(self) -> tuple[str, ...]:
        """The names that are known, where it is a name out of a registry or a few words."""
        if table := self._extra("table"):
            module, name = table.split(":")
            return tuple(getattr(import_module(module), name))
        kind = self.kind
        return tuple(map(str, kind.values)) if isinstance(kind, inspect.LiteralType) else ()

    @property
    def group(self) -> type["Settings"] | None:
        """The class, where this is a group of settings."""
        kind = self.kind
        return kind.cls if isinstance(kind, inspect.DataclassType) else None

    @property
    def optional(self) -> bool:
        """Whether it may be left at None."""
        return isinstance(self.kind, inspect.UnionType) and self.kind.includes_none

    def is_default(self, value: Any) -> bool:
        """Whether a value is the default, which may be a word beside those that are known."""
        return type(value) is type(self.default) and bool(value == self.default)

    def convert(self, value: Any, name: str, *, text: bool = False) -> Any:
        """The value in the declared type; lists become tuples.

        Args:
            value: what was given.
            name: how a sentence is to call the setting.
            text: ``value`` may be a number or a switch in words, as on a command line.

        Raises:
            InvalidInput: another type, or out of bounds.
            UnknownName: not in the registry; lists the known names.
        """
        value = value.tolist() if hasattr(value, "tolist") else value
        if self.is_default(value):
            return value
        wrong = f"{name} is {_shown(value)}; it must be {_words(self.kind)}"
        try:
            converted = msgspec.convert(value, self.annotation, strict=not text, dec_hook=_custom)
        except (msgspec.ValidationError, RecursionError) as error:
            raise InvalidInput(wrong) from error
        if not all(_usable(number) for number in _numbers(converted)):
            raise InvalidInput(f"{wrong}, finite and below 2**63")
        if self._extra("table"):
            for word in converted if isinstance(converted, tuple) else (converted,):
                if word not in self.known:
                    raise UnknownName(self._extra("what"), word, self.known)
        return converted

    @property
    def _metas(self) -> tuple[Meta, ...]:
        metas = get_args(self.annotation)[1:] if get_origin(self.annotation) is Annotated else ()
        return tuple(meta for meta in metas if isinstance(meta, Meta))

    def _extra(self, name: str) -> Any:
        extras = [meta.extra or {} for meta in self._metas]
        return next((extra[name] for extra in extras if name in extra), None)


class Settings:
    """Base of every class of settings: checked where it is made.

    ``title``, of the class, names the settings in sentences.
    """

    title: ClassVar[str] = ""

    def __init_subclass__(cls, title: str = "", **more: Any) -> None:
        """Remember the title."""
        super().__init_subclass__(**more)
        if title:
            cls.title = title

    def __post_init__(self) -> None:
        """Check every value by its annotation, then all of them together."""
        where = f"{self.title}: " if self.title else ""
        for setting in settings_of(type(self)):
            value = setting.convert(getattr(self, setting.name), f"{where}{setting.name}")
            object.__setattr__(self, setting.name, value)
        self.check()

    def check(self) -> None:
        """Refuse combinations of values; a class without such rules refuses none."""


def settings_of(kind: type) -> tuple[Setting, ...]:
    """The settings of a class, in the order of their declaration."""
    return _settings_of(cast(Any, kind))


@cache
def _settings_of(kind: Any) -> tuple[Setting, ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple(
        Setting(field.name, hints[field.name], _default(field))
        for field in fields(kind)
        if field.init
    )


def record(settings: Any) -> Any:
    """Settings as plain values, as YAML and JSON have them."""
    return msgspec.json.decode(msgspec.json.encode(settings, enc_hook=str))


def _default(field: Any) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _custom(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, (str, Path)) and value:
        return Path(value)
    raise ValueError(value)


def _numbers(value: Any) -> Iterable[int | float]:
    if isinstance(value, (int, float)):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _numbers(item)


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _usable(number: int | float) -> bool:
    return isfinite(number) if isinstance(number, float) else abs(number) <= MAX_WHOLE


WORDS: dict[type, Callable[[Any], str]] = {
    inspect.Metadata: lambda kind: _words(kind.type),
    inspect.BoolType: lambda _: "true or false",
    inspect.FloatType: lambda kind: f"a number{_bounds(kind)}",
    inspect.IntType: lambda kind: f"a whole number{_bounds(kind)}",
    inspect.StrType: lambda kind: "text that is not empty" if kind.pattern else "text",
    inspect.NoneType: lambda _: "none",
    inspect.CustomType: lambda _: "a path",
    inspect.LiteralType: lambda kind: f"one of {', '.join(map(str, kind.values))}",
    inspect.UnionType: lambda kind: " or ".join(map(_words, kind.types)),
    inspect.VarTupleType: lambda kind: f"a list, each {_words(kind.item_type)}",
    inspect.TupleType: lambda kind: (
        f"a list of {len(kind.item_types)}, each {_words(kind.item_types[0])}"
    ),
}


def _words(kind: inspect.Type) -> str:
    """What would be right, in words."""
    return WORDS[type(kind)](kind) if type(kind) in WORDS else "a mapping"


def _bounds(kind: inspect.FloatType | inspect.IntType) -> str:
    low = f" > {kind.gt:g}" if kind.gt is not None else ""
    low = f" >= {kind.ge:g}" if kind.ge is not None else low
    high = f" < {kind.lt:g}" if kind.lt is not None else ""
    high = f" <= {kind.le:g}" if kind.le not in (None, MAX_WHOLE) else high
    return " and".join(filter(None, (low, high)))
