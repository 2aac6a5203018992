"""What a training starts from: another checkpoint, and the weights of modules trained apart."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from affordance_grasp.encoders.tensor_files import read_tensors
from affordance_grasp.encoders.weights import (
    check_state_dict,
    load_strictly,
    refuse_not_finite,
    tensors_sha256,
)
from affordance_grasp.errors import CheckpointError, InvalidInput
from affordance_grasp.methods.checkpoint import (
    Checkpoint,
    CheckpointInfo,
    head_tensors,
    load_checkpoint,
)
from affordance_grasp.methods.method import make_network
from affordance_grasp.methods.network import GroundingNetwork
from affordance_grasp.query.vocabulary import AFFORDANCES, in_order

BACKBONE = "backbone."


@dataclass(frozen=True)
class Start:
    """Files of weights.

    ``checkpoint``: of the same method, to be fine-tuned. ``modules``: files for the network's
    :attr:`~affordance_grasp.methods.network.GroundingNetwork.given_modules`, by their names.
    """

    checkpoint: Path | None = None
    modules: Mapping[str, Path] = field(default_factory=dict)


def start_from(
    network: GroundingNetwork, start: Start, affordances: Sequence[str], text_encoder: str
) -> dict[str, str]:
    """Give a new network the weights of files; the sha256 of what each held, by what it is.

    ``affordances``: those that the network's classes are. The classes that the checkpoint knows
    by the same name start as it has them, all others at random.

    Raises:
        CheckpointError: a file is of another method, size, backbone or text encoder.
        InvalidInput: a module whose weights must be given has none, or one is given that the
            network does not have.
    """
    digests, known = {}, set()
    if start.checkpoint is not None:
        stored = load_checkpoint(start.checkpoint)
        owner = f"checkpoint {start.checkpoint}"
        _refuse_other(network, stored.info, text_encoder, owner)
        _take(network, stored, affordances, tuple(start.modules), owner)
        digests["checkpoint"] = tensors_sha256(stored.tensors)
        known = {name.partition(".")[0] for name in stored.tensors}
    for name in start.modules:
        if name not in network.given_modules:
            raise InvalidInput(
                f"{network.name} as configured has no module {name} whose weights are given"
            )
    for name in network.given_modules:
        if name in start.modules:
            digests[name] = _load_module(getattr(network, name), start.modules[name], name)
        elif name not in known:
            raise InvalidInput(
                f"the weights of {network.name}'s module {name} do not come from its training, "
                f"and would stay random; give the released file or that of train-clusters with "
                f"--{name}, or a checkpoint that holds them with --init"
            )
    return digests


def _load_module(module: nn.Module, path: Path, name: str) -> str:
    tensors = read_tensors(path)
    refuse_not_finite(tensors, f"{name} weights {path}")
    load_strictly(module, tensors, f"{name} weights {path}")
    return tensors_sha256(tensors)


def _refuse_other(
    network: GroundingNetwork, info: CheckpointInfo, text_encoder: str, owner: str
) -> None:
    """Refuse a checkpoint of another method, or one that hears queries in another way."""
    if info.method != network.name:
        raise CheckpointError(f"{owner} is of method {info.method}, not of {network.name}")
    if network.config.text_dim and info.text_encoder != text_encoder:
        raise CheckpointError(
            f"{owner} learned texts of encoder {info.text_encoder}, this training has those of "
            f"{text_encoder}"
        )


def _take(
    network: GroundingNetwork,
    stored: Checkpoint,
    affordances: Sequence[str],
    given: tuple[str, ...],
    owner: str,
) -> None:
    """Load the checkpoint's tensors but for modules that are ``given``, and rows of classes."""
    _refuse_other_backbone(network, stored, owner)
    rows = _tensors_of_classes(network)
    state = head_tensors(network)
    prefixes = tuple(f"{name}." for name in given)
    expected = {n: t for n, t in state.items() if n not in rows and not n.startswith(prefixes)}
    frozen = () if any(n.startswith(BACKBONE) for n in state) else (BACKBONE,)
    skipped = (*prefixes, *frozen)
    tensors = {n: t for n, t in stored.tensors.items() if not n.startswith(skipped)}
    optional = tuple(f"{name}." for name in network.optional_modules)
    tensors = {n: t for n, t in tensors.items() if n in state or not n.startswith(optional)}
    expected = {n: t for n, t in expected.items() if n in tensors or not n.startswith(optional)}
    if BACKBONE not in frozen:  # fine-tuned here, frozen there: the installed one is the same
        expected = {n: t for n, t in expected.items() if n in tensors or not _inside(n)}
    check_state_dict(expected, {n: t for n, t in tensors.items() if n not in rows}, owner)
    old = _named_classes(stored.info)
    for name in rows & tensors.keys():
        tensors[name] = _merged(state[name], tensors[name], old, affordances)
    network.load_state_dict(tensors, strict=False)


def _refuse_other_backbone(network: GroundingNetwork, stored: Checkpoint, owner: str) -> None:
    """Refuse a head that saw other features than this training's frozen backbone gives."""
    backbone = network.present_backbone
    own = {n: t for n, t in stored.tensors.items() if _inside(n)}
    if network.config.train_backbone and own:
        return
    installed = {f"{BACKBONE}{n}": t for n, t in backbone.state_dict().items()}
    same = (
        own.keys() == installed.keys()
        and all(torch.equal(own[n], installed[n].cpu()) for n in own)
        if own
        else backbone.sha256 == stored.info.backbone_sha256
    )
    if not same:
        raise CheckpointError(
            f"{owner} was trained on another {stored.info.backbone} than this training's "
            f"{backbone.spec.name} with sha256 {backbone.sha256[:12]}...; a head works only on "
            "the backbone it was trained on"
        )


def _inside(name: str) -> bool:
    return name.startswith(BACKBONE)


def _tensors_of_classes(network: GroundingNetwork) -> set[str]:
    """The tensors that have a row for each class: one more where there is one more class."""
    fields = asdict(network.config)  # type: ignore[call-overload]
    with torch.device("meta"):
        other = make_network(network.name, {**fields, "classes": fields["classes"] + 1})
    shapes = {name: tensor.shape for name, tensor in other.state_dict().items()}
    state = head_tensors(network).items()
    return {name for name, tensor in state if tensor.shape != shapes.get(name, tensor.shape)}


def _named_classes(info: CheckpointInfo) -> tuple[str, ...]:
    """The affordance of every class; none where the checkpoint does not say which they are."""
    for names in (info.affordances, in_order((*AFFORDANCES, *info.affordances))):
        if len(names) == info.config["classes"]:
            return tuple(names)
    return ()


def _merged(
    new: Tensor, trained: Tensor, before: Sequence[str], affordances: Sequence[str]
) -> Tensor:
    """``new`` with the rows that ``trained`` has for the same affordance, or for no class."""
    merged = new.clone()
    if not before or new.shape[1:] != trained.shape[1:]:
        return merged
    for row, name in enumerate(affordances):
        if name in before:
            merged[row] = trained[before.index(name)]
    if len(new) - len(affordances) == len(trained) - len(before):
        merged[len(affordances) :] = trained[len(before) :]
    return merged
