"""One vector for every object: the frozen tokens of its pixels, averaged."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from affordance_grasp.encoders.backbones import (
    Backbone,
    load_backbone,
    patch_shares,
    prepare_images,
)
from affordance_grasp.errors import CheckpointError
from affordance_grasp.grounding.regions import region_of

LEAST_SHARE = 0.3
"""Share of a patch that an object covers from which it counts fully."""


class InstanceEmbedder:
    """Vectors of objects by one backbone, which it holds."""

    def __init__(self, name: str, image_side: int, sha256: str = "", device: str = "cpu") -> None:
        """Load the backbone.

        Raises:
            CheckpointError: the weights that are installed are not those of ``sha256``.
        """
        backbone = load_backbone(name, image_side)
        if sha256 and backbone.sha256 != sha256:
            raise CheckpointError(
                f"families were learnt on backbone {name} with sha256 {sha256[:12]}...; installed "
                f"is {backbone.sha256[:12]}...: learn them anew (affordance-grasp families learn)"
            )
        self.sha256, self._device = backbone.sha256, device
        self._backbone = backbone.to(device)

    def __call__(
        self, color: NDArray[np.uint8], labels: NDArray[np.int32], wanted: Sequence[int]
    ) -> NDArray[np.float32]:
        """Vectors (N, 2 D) of N labels in an rgb image (H, W, 3), in one pass of the backbone.

        The mean and the deviation of the tokens of an object's patches, each of length 1.
        """
        if not wanted:
            return np.zeros((0, 2 * self._backbone.spec.dim), np.float32)
        masks = [labels == label for label in wanted]
        regions = [region_of(labels, [label]) for label in wanted]
        crops = [np.ascontiguousarray(color[region.slices]) for region in regions]
        shares = torch.stack(
            [
                _weights(mask[r.slices], self._backbone)
                for mask, r in zip(masks, regions, strict=True)
            ]
        )
        images = prepare_images(crops, self._backbone.spec, self._backbone.image_side)
        with torch.inference_mode():
            tokens = self._backbone.tokens(images.to(self._device))[:, 1:].float().cpu()
        return _pooled(tokens, shares).numpy()


def _pooled(tokens: Tensor, shares: Tensor) -> Tensor:
    """Mean and deviation (N, 2 D) of tokens (N, P, D), weighted by shares (N, P)."""
    weights = (shares / shares.sum(dim=1, keepdim=True).clamp_min(1e-6))[..., None]
    mean = (tokens * weights).sum(dim=1)
    spread = ((tokens - mean[:, None]) ** 2 * weights).sum(dim=1).sqrt()
    both = [functional.normalize(mean, dim=-1), functional.normalize(spread, dim=-1)]
    return torch.cat(both, dim=1)


def _weights(mask: NDArray[np.bool_], backbone: Backbone) -> Tensor:
    """Weight (grid^2,) 0..1 of every patch of a squashed mask; of a tiny one its best patch."""
    shares = patch_shares(mask, backbone)
    return (shares / min(LEAST_SHARE, float(shares.max()) or 1.0)).clamp_max(1.0)
