"""The grounding methods by name: a method is a folder, its modules are imported on demand.

``network`` holds the network and how to build it
(:class:`~affordance_grasp.methods.method.Method`), and ``recipe``
trains it (:class:`~affordance_grasp.methods.recipe.Recipe`); ``ablation`` has the rows of the
paper's table, and ``released``, where there is one, reads the authors' checkpoints.
"""

from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from affordance_grasp.errors import CheckpointError, InvalidInput, UnknownName, look_up
from affordance_grasp.share import share_path

METHODS = {
    "plsp": "affordance_grasp.methods.plsp",
    "looptrans": "affordance_grasp.methods.looptrans",
    "selectivecl": "affordance_grasp.methods.selectivecl",
    "locate": "affordance_grasp.methods.locate",
}
DEFAULT_METHOD = "plsp"
EXTERNAL = "external"
"""In place of a method: a model of others, see :mod:`affordance_grasp.grounding.external`."""
GROUNDERS = (*METHODS, EXTERNAL)


def method_module(name: str, part: str) -> Any:
    """The module ``part`` of the method ``name``; refuses unknown methods and missing parts."""
    package, known = method_package(name), methods_with(part)
    if name not in known:
        raise UnknownName(f"method with a module {part}", name, known)
    return import_module(f"{package}.{part}")


def method_package(name: str) -> str:
    """The package of the method ``name``; refuses unknown names."""
    return look_up("method", name, METHODS)


def methods_with(part: str) -> tuple[str, ...]:
    """The methods whose folder holds a module ``part``."""
    return tuple(name for name in METHODS if find_spec(f"{METHODS[name]}.{part}"))


def shipped_methods() -> tuple[str, ...]:
    """The methods whose checkpoint is part of this installation."""
    found = []
    for name in METHODS:
        with suppress(CheckpointError):
            demo_checkpoint(name)
            found.append(name)
    return tuple(found)


def demo_checkpoint(name: str) -> Path:
    """The checkpoint of the method ``name`` that ships with the package."""
    method_package(name)
    try:
        return share_path(f"models/{name}_simulated.safetensors")
    except InvalidInput as error:
        raise CheckpointError(
            f"no checkpoint of method {name} is part of this installation; train one with "
            f"affordance-grasp train --method {name}, and give it with --checkpoint"
        ) from error
