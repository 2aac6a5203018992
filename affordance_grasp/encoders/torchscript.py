"""The tensors of a TorchScript archive, which is what OpenAI's CLIP is; its code is never read.

``torch.jit.load`` would run what an archive wants run on loading. Its modules are pickled as other
values are, so a copy without the code goes to the restricted unpickler that reads all other files.
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

READ = ("data.pkl", "version", "byteorder")
"""The entries of an archive that are no storages of tensors and are read nevertheless."""


def is_torchscript(path: Path) -> bool:
    """Whether a file is a zip archive with a table of TorchScript's constants."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(_inside(name) == "constants.pkl" for name in archive.namelist())


def read_torchscript(path: Path) -> dict[str, Any]:
    """The attributes of an archive's modules by dotted names, tensors or not.

    Raises:
        Exception: what the restricted unpickler raises for invalid bytes.
    """
    plain = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(plain, "w") as copy:
        for name in archive.namelist():
            inside = _inside(name)
            if inside in READ or inside.startswith("data/"):
                copy.writestr(f"archive/{inside}", archive.read(name))
    plain.seek(0)
    names = torch.serialization.get_unsafe_globals_in_checkpoint(plain)
    plain.seek(0)
    with torch.serialization.safe_globals([(_stand_in(name), name) for name in names]):
        root = torch.load(plain, map_location="cpu", weights_only=True)
    return dict(_attributes(root, set()))


def _inside(name: str) -> str:
    """The name of an entry without the folder that all of an archive's entries lie in."""
    return name.partition("/")[2]


def _stand_in(name: str) -> Any:
    """What takes the place of an archive's own classes and of TorchScript's marks of types."""
    return _unmarked if name.startswith("torch.jit._pickle.") else SimpleNamespace


def _unmarked(value: Any, *_: Any) -> Any:
    return value


def _attributes(module: Any, seen: set[int], prefix: str = "") -> Iterator[tuple[str, Any]]:
    seen.add(id(module))
    for name, value in vars(module).items():
        if not isinstance(value, SimpleNamespace):
            yield f"{prefix}{name}", value
        elif id(value) not in seen:
            yield from _attributes(value, seen, f"{prefix}{name}.")
