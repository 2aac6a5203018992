"""The kinds of gripper that a YAML file may describe, and how one is read."""

from collections.abc import Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from affordance_grasp.configuration.read import build, read_mapping
from affordance_grasp.configuration.settings import settings_of
from affordance_grasp.control.four_bar import FourBar
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.control.prismatic import Prismatic
from affordance_grasp.errors import InvalidInput, UnknownName, look_up
from affordance_grasp.share import share_path

GRIPPERS: dict[str, type[Gripper]] = {"four_bar": FourBar, "prismatic": Prismatic}
EXAMPLES = {
    "four_bar": "config/gripper_2f85.yaml",
    "prismatic": "config/gripper_hande.yaml",
}
"""Where every field of a kind is explained."""
DEFAULT_KIND = "four_bar"


def load_gripper(path: Path | None = None) -> Gripper:
    """Read a gripper of the kind that its file names; the 2F-85 when no path is given.

    Raises:
        InvalidInput: a field is missing, unknown or out of bounds, or the file names no kind and
            reads like another than the four-bar that it would be.
    """
    path = share_path(EXAMPLES[DEFAULT_KIND]) if path is None else Path(path)
    values = read_mapping(path)
    if "kind" not in values:
        _refuse_other_kind(values, path)
    try:
        kind = look_up("kind of gripper", str(values.pop("kind", DEFAULT_KIND)), GRIPPERS)
    except UnknownName as error:
        raise InvalidInput(f"{path}: {error}") from error
    return build(kind, values, str(path))


def _refuse_other_kind(values: Mapping[str, Any], path: Path) -> None:
    """A file of sliding fingers without ``kind`` is told all that it lacks at once.

    It is not read as what it resembles: the fields that differ place the fingertips. One that
    lacks what all kinds have resembles none.
    """
    if _amiss(values, Gripper)[0]:
        return
    amiss = {kind: _amiss(values, settings) for kind, settings in GRIPPERS.items()}
    nearest = min(amiss, key=lambda kind: sum(map(len, amiss[kind])))
    if nearest == DEFAULT_KIND:
        return
    missing, unknown = amiss[nearest]
    needs = ", ".join([f"'kind: {nearest}'", *missing])
    spare = f" and take out {', '.join(unknown)}" if unknown else ""
    raise InvalidInput(
        f"{path} is no {DEFAULT_KIND} gripper; for a {nearest} one add {needs}{spare}; "
        f"{EXAMPLES[nearest]} explains each"
    )


def _amiss(values: Mapping[str, Any], kind: type) -> tuple[list[str], list[str]]:
    """The fields that are missing, and those that are unknown."""
    known = {setting.name: setting for setting in settings_of(kind)}
    required = [name for name, setting in known.items() if setting.default is MISSING]
    return [n for n in required if n not in values], [n for n in values if n not in known]
