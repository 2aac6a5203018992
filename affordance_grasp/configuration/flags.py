"""Settings as flags of a command: names, help and defaults from the class."""

import argparse
from collections.abc import Callable, Container
from dataclasses import MISSING
from pathlib import Path
from typing import Any, TypeVar

from msgspec import inspect

from affordance_grasp.configuration.read import from_words
from affordance_grasp.configuration.settings import Count, Setting, Whole, settings_of
from affordance_grasp.errors import InvalidInput

T = TypeVar("T")
Parser = argparse.ArgumentParser | argparse._ArgumentGroup


def add_flags(parser: Parser, kind: type, leave_out: Container[str] = ()) -> None:
    """Declare a flag for every setting of a class but for those to ``leave_out``.

    Those of the class itself come before those that it inherits. Switches have a flag ``--no-...``
    too, lists take several words, and a group of settings is a flag ``NAME=VALUE`` that may be
    repeated.
    """
    own = kind.__annotations__
    for setting in sorted(settings_of(kind), key=lambda each: each.name not in own):
        if setting.name not in leave_out:
            parser.add_argument(
                f"--{setting.flag}",
                default=argparse.SUPPRESS,
                required=setting.default is MISSING,
                help=_help(setting).replace("%", "%%"),
                **_shape(setting),
            )


def read_flags(kind: type[T], arguments: argparse.Namespace, **given: Any) -> T:
    """Settings of a class from the flags that were given; ``given`` are those without a flag.

    Raises:
        InvalidInput: a value of another type or out of bounds; names the flag.
        UnknownName: an unknown name; lists the known ones.
    """
    for setting in settings_of(kind):
        dest = setting.flag.replace("-", "_")
        if setting.name not in given and hasattr(arguments, dest):
            given[setting.name] = _value(setting, getattr(arguments, dest))
    return kind(**given)


def number(bounds: Any) -> Callable[[str], Any]:
    """The type of a flag that is no setting: a number within bounds such as ``Count``'s."""
    setting = Setting("", bounds, MISSING)

    def read(text: str) -> Any:
        try:
            return setting.convert(text, "it", text=True)
        except InvalidInput as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


COUNT, WHOLE = number(Count), number(Whole)


def _value(setting: Setting, words: Any) -> Any:
    if setting.group is not None:
        return from_words(setting.group, words, setting.flag.removesuffix("s").replace("-", " "))
    return setting.convert(words, f"--{setting.flag}", text=True)


def _shape(setting: Setting) -> dict[str, Any]:
    """How many words the flag takes."""
    kind = setting.kind
    if isinstance(kind, inspect.BoolType):
        return {"action": argparse.BooleanOptionalAction}
    if setting.group is not None:
        return {"action": "append", "metavar": "NAME=VALUE"}
    metavar = setting.name.rsplit("_", 1)[-1].upper()
    if metavar != "FILE" and Path in _classes(kind):
        metavar = "PATH"
    if isinstance(kind, inspect.TupleType):
        return {"nargs": len(kind.item_types), "metavar": setting.words or metavar}
    return {"metavar": metavar} | (
        {"nargs": "+"} if isinstance(kind, inspect.VarTupleType) else {}
    )


def _classes(kind: inspect.Type) -> list[type]:
    """The classes of this package's own kinds of values, such as paths, alone or with None."""
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return [each.cls for each in kinds if isinstance(each, inspect.CustomType)]


def _help(setting: Setting) -> str:
    """Description, known names and default."""
    default = setting.default
    told = isinstance(default, (int, float, str, Path)) and default != "" and default is not False
    return f"{setting.help} ({default})" if told else setting.help
