"""Checkpoints of grounding methods: safetensors files that hold all that is needed to use them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from affordance_grasp.configuration.documents import parse_json
from affordance_grasp.encoders.weights import check_state_dict, refuse_not_finite
from affordance_grasp.errors import CheckpointError, InvalidInput, shown
from affordance_grasp.files import write_file
from affordance_grasp.query.vocabulary import is_affordance_name

FORMAT = "affordance_grasp.checkpoint.1"
TEXT_KEY = "text_features"


@dataclass(frozen=True)
class CheckpointInfo:
    """The metadata of a checkpoint.

    ``config``: fields of the method's configuration. ``backbone_sha256``: digest of the tensors
    of the frozen backbone that the head was trained on. ``affordances``: those it was trained
    for, in the order of the text table. ``training``: command, metrics and versions. ``phrases``:
    affordance -> what people say for it, of those that the vocabulary has not.
    """

    method: str
    config: Mapping[str, Any]
    backbone: str
    backbone_sha256: str
    affordances: tuple[str, ...]
    text_encoder: str
    training: Mapping[str, Any] = field(default_factory=dict)
    phrases: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory: ``text`` (A, text dim) features of the affordances, unit norm."""

    info: CheckpointInfo
    tensors: Mapping[str, Tensor]
    text: Tensor


def head_tensors(network: nn.Module) -> dict[str, Tensor]:
    """State of a network without its backbone, unless the backbone was trained with it."""
    frozen = not any(
        p.requires_grad for n, p in network.named_parameters() if n.startswith("backbone.")
    )
    state = network.state_dict()
    return {n: t for n, t in state.items() if not (frozen and n.startswith("backbone."))}


def load_head(network: nn.Module, tensors: Mapping[str, Tensor], owner: str) -> None:
    """Load what :func:`head_tensors` gave; ``owner`` names the tensors where they do not fit."""
    check_state_dict(head_tensors(network), tensors, owner)
    network.load_state_dict(tensors, strict=False)


def save_checkpoint(
    path: Path, network: nn.Module, info: CheckpointInfo, text: Tensor, half: bool = True
) -> None:
    """Write a network's own tensors, the text table (A, text dim) and the metadata.

    With ``half`` the parameters are stored as float16; buffers keep their type, because position
    tables and running statistics lose too much by the rounding.
    """
    parameters = {name for name, _ in network.named_parameters()}
    tensors = {
        name: tensor.half() if half and name in parameters else tensor
        for name, tensor in head_tensors(network).items()
    }
    write_checkpoint(path, Checkpoint(info, tensors, text))


def write_checkpoint(path: Path, stored: Checkpoint) -> None:
    """Write a checkpoint as it is; an existing file is replaced once all is written."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in stored.tensors.items()}
    tensors[TEXT_KEY] = stored.text.float().cpu().contiguous()
    about = {"format": FORMAT, "info": json.dumps(asdict(stored.info))}
    write_file(path, save(tensors, about))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; numbers with a point come back as float32."""
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist")
    try:
        with safe_open(path, framework="pt") as stored:
            metadata = stored.metadata() or {}
            named = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"checkpoint {path} is corrupt or not a safetensors file: {error}"
        ) from error
    info = _parse_info(path, metadata)
    refuse_not_finite(named, f"checkpoint {path}")
    tensors = {n: t.float() if t.is_floating_point() else t for n, t in named.items()}
    text = tensors.pop(TEXT_KEY, torch.zeros(0))
    if text.ndim != 2 or len(text) != len(info.affordances) or not text.is_floating_point():
        raise CheckpointError(
            f"checkpoint {path} does not hold {TEXT_KEY} with one row of floats for each of its "
            f"{len(info.affordances)} affordances"
        )
    return Checkpoint(info, tensors, text)


def _parse_info(path: Path, metadata: Mapping[str, str]) -> CheckpointInfo:
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is not a checkpoint of this package: its format is "
            f"{metadata.get('format')!r}, expected {FORMAT!r}"
        )
    try:
        fields = parse_json(metadata["info"], "info")
        info = CheckpointInfo(**{**fields, "affordances": tuple(fields["affordances"])})
        _check_types(info)
    except (InvalidInput, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"checkpoint {path} has unreadable metadata: {error}") from error
    unknown = [shown(name) for name in info.affordances if not is_affordance_name(name)]
    if unknown or not info.affordances:
        raise CheckpointError(
            f"checkpoint {path} names affordances {', '.join(unknown) or '(none)'}, which are "
            "not written as hold or cut_with are"
        )
    if len(set(info.affordances)) != len(info.affordances):
        raise CheckpointError(f"checkpoint {path} names an affordance more than once")
    return info


def _check_types(info: CheckpointInfo) -> None:
    """Raise TypeError where a field of the metadata, any JSON, is of another type."""
    for name in ("method", "backbone", "backbone_sha256", "text_encoder"):
        if not isinstance(getattr(info, name), str):
            raise TypeError(f"{name} is {getattr(info, name)!r}, expected text")
    for name in ("config", "training", "phrases"):
        if not isinstance(getattr(info, name), Mapping):
            raise TypeError(f"{name} is not a mapping of names to values")
    for name, said in info.phrases.items():
        if not isinstance(said, (list, tuple)) or not all(isinstance(text, str) for text in said):
            raise TypeError(f"phrases of {shown(name)} are {said!r}, expected a list of texts")
    if not all(isinstance(name, str) for name in info.affordances):
        raise TypeError(f"affordances are {info.affordances!r}, expected text")
