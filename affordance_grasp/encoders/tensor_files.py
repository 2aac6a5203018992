"""Files of named tensors: safetensors, PyTorch's, and TorchScript archives.

Nothing is ever unpickled but tensors and plain values: files are read with ``weights_only``.
"""

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from affordance_grasp.encoders.registry import SAFETENSORS
from affordance_grasp.encoders.torchscript import is_torchscript, read_torchscript
from affordance_grasp.errors import CheckpointError, reading

NESTED = ("state_dict", "model_state_dict", "model", "teacher")
"""Under which names training programs keep the tensors of a network, the likeliest first."""
WRAPPERS = ("module.", "_orig_mod.")
"""What data-parallel and compiled networks put before every name."""
PLAIN = (bool, int, float, str, type(None))
MAX_GROWTH, ALWAYS_READ = 4, 2**30
"""How many times a file's size its tensors may take, as some are stored once under several names;
and how many bytes they may take however small it is."""


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Named tensors of a safetensors file, or a sentence why not."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file: {error}") from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Named tensors of a safetensors file, or of a PyTorch file of tensors and plain values.

    Tensors may lie one level deeper, as training programs store them beside the optimiser's
    state. What every name begins with, because a network was wrapped, is left out.

    Raises:
        CheckpointError: it is absent, broken, compressed, or holds anything else.
    """
    if not path.is_file():
        raise CheckpointError(f"weights file {path} does not exist")
    if path.suffix == SAFETENSORS:
        return _unwrapped(read_safetensors(path))
    wrong = f"{path} is neither safetensors nor a PyTorch file of plain tensors"
    with reading(wrong, CheckpointError):
        loaded = _read_torch(path)
    named = _only_tensors(loaded) or _nested(loaded, path)
    size, claimed = path.stat().st_size, sum(t.numel() * t.element_size() for t in named.values())
    if claimed > max(MAX_GROWTH * size, ALWAYS_READ):
        raise CheckpointError(
            f"{path} of {size} bytes holds tensors of {claimed}: they do not fit into the memory "
            "as they would be needed"
        )
    return _unwrapped({name: tensor.detach().contiguous() for name, tensor in named.items()})


def _read_torch(path: Path) -> Any:
    _refuse_compressed(path)
    if is_torchscript(path):
        return {n: v for n, v in read_torchscript(path).items() if isinstance(v, Tensor)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)


def _refuse_compressed(path: Path) -> None:
    """PyTorch stores tensors as they are; compressed ones could claim any size."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            claimed = sum(entry.file_size for entry in archive.infolist())
        if claimed > path.stat().st_size:
            raise ValueError(f"its entries are compressed or overlap ({claimed} bytes)")


def _nested(loaded: Any, path: Path) -> dict[str, Tensor]:
    """The tensors that lie one level deeper under the likeliest of :data:`NESTED`."""
    inner = loaded.items() if isinstance(loaded, Mapping) else ()
    found = {name: named for name, value in inner if (named := _only_tensors(value))}
    chosen = [name for name in NESTED if name in found] or list(found)
    if not chosen:
        raise CheckpointError(f"{path} does not hold a dictionary of named dense tensors")
    if len(chosen) > 1 and chosen[0] not in NESTED:
        raise CheckpointError(
            f"{path} holds several dictionaries of tensors ({', '.join(map(str, chosen[:9]))}); "
            f"none is called {' or '.join(NESTED)}"
        )
    return found[chosen[0]]


def _only_tensors(value: Any) -> dict[str, Tensor]:
    """The named tensors of a mapping of such and of plain values; none where it holds others."""
    if not isinstance(value, Mapping):
        return {}
    named = {n: t for n, t in value.items() if not isinstance(t, PLAIN)}
    return dict(named) if all(map(_is_named_tensor, named.items())) else {}


def _is_named_tensor(entry: tuple[object, object]) -> bool:
    name, tensor = entry
    return (
        isinstance(name, str)
        and isinstance(tensor, Tensor)
        and tensor.layout == torch.strided
        and not tensor.is_quantized
        and not tensor.is_conj()
        and not tensor.is_neg()
        and tensor.device.type == "cpu"
    )


def _unwrapped(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors without the wrappers that all names begin with."""
    named = dict(tensors)
    while named and (wrapper := _wrapper(named)):
        named = {name.removeprefix(wrapper): tensor for name, tensor in named.items()}
    return named


def _wrapper(named: Mapping[str, Tensor]) -> str:
    return next((w for w in WRAPPERS if all(name.startswith(w) for name in named)), "")
