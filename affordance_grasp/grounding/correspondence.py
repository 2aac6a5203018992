"""Grounding by examples: where an image looks as the marked part does in other pictures.

Every patch of the image is compared with all patches of the examples by the cosine of their
DINOv2 tokens. A patch is the part where it is more like those of the part than like the rest:
sigmoid((p - r) / 0.03), with p and r the mean of its three highest cosines to either. Examples
count as they are and mirrored: handles are on both sides. Correspondence by the features of
frozen transformers: Amir et al., Deep ViT Features as Dense Visual Descriptors, 2021.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from affordance_grasp.datatypes import Heatmap, Region, check_color
from affordance_grasp.encoders.backbones import Backbone, load_backbone, patch_shares
from affordance_grasp.encoders.device import check_device, choose_precision
from affordance_grasp.errors import NoMatch
from affordance_grasp.grounding.examples import Example, read_examples
from affordance_grasp.grounding.maps import concentration, inside, paste, scaled

BACKBONE = "dinov2_vits14"
INSIDE, OUTSIDE = 0.5, 0.05
"""Share of the part in a patch from which it is the part's, and up to which it is the rest's."""
NEIGHBOURS = 3
SOFTNESS = 0.03
SIMILAR = 0.65
"""Cosine of the best patch below which nothing in the image is the part: docs/examples.md."""


class ExampleGrounder:
    """Seeks the part of a few pictures; what the query says names it, and nothing more."""

    method = "examples"

    def __init__(
        self,
        examples: Sequence[Example],
        path: Path,
        backbone: Backbone,
        device: str = "cpu",
        precision: str = "float32",
    ) -> None:
        """``path``: where the examples come from, for reports."""
        self.path = path
        self.precision = choose_precision(precision, device)
        self._device, self._backbone = device, backbone.to(device)
        near = [example.near() for example in examples]
        banks = [self._bank(*pair) for e in near for pair in ((e.color, e.part), _mirrored(e))]
        self._part = torch.cat([part for part, _ in banks])
        self._rest = torch.cat([rest for _, rest in banks])

    @property
    def source(self) -> str:
        """Where the part comes from: the folder."""
        return str(self.path)

    def resolve(self, query: str) -> str:
        """The name of the part: that of the examples' folder."""
        return self.path.resolve().name

    def ground(
        self, color: NDArray[np.uint8], query: str, region: Region | None = None
    ) -> Heatmap:
        """The heatmap of the part in an rgb image (H, W, 3) uint8, within a region.

        Raises:
            NoMatch: nothing in it is as like the part as it should be.
        """
        check_color(color)
        crop = color if region is None else color[inside(region, color).slices]
        tokens = self._tokens(crop)
        part, rest = tokens @ self._part.T, tokens @ self._rest.T
        if (similarity := float(part.max())) < SIMILAR:
            raise NoMatch(
                f"nothing in the image is like the part in the examples {self.path}: similarity "
                f"{similarity:.2f}, at least {SIMILAR:.2f} is needed; add a picture of this "
                "object, or show the object from nearer"
            )
        lead = (_highest(part) - _highest(rest)) / SOFTNESS
        values = torch.sigmoid(lead).reshape(self._backbone.grid, -1).cpu().numpy()
        return Heatmap(
            values=paste(scaled(values, crop), color, region),
            raw=values,
            query=query,
            affordance=self.resolve(query),
            method=self.method,
            confidence=concentration(values),
        )

    def _bank(self, color: NDArray[np.uint8], part: NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
        """The tokens of the part and of the rest; where it is small, those of its best patch."""
        share = patch_shares(part, self._backbone)
        inside = share >= min(INSIDE, float(share.max()))
        tokens = self._tokens(color)
        return tokens[inside], tokens[share <= max(OUTSIDE, float(share.min()))]

    def _tokens(self, color: NDArray[np.uint8]) -> Tensor:
        """Patch tokens (grid^2, D) of length 1."""
        image = self._backbone.prepare(color).to(self._device)
        half = self.precision != "float32"
        with torch.inference_mode(), torch.autocast(image.device.type, torch.bfloat16, half):
            tokens = self._backbone.tokens(image)[0, 1:]
        return functional.normalize(tokens.float(), dim=-1)


def load_example_grounder(
    folder: Path, device: str = "cpu", precision: str = "float32"
) -> ExampleGrounder:
    """The grounder of a folder of examples; raises as :func:`examples.read_examples`."""
    check_device(device)
    examples = read_examples(folder)
    return ExampleGrounder(examples, folder, load_backbone(BACKBONE), device, precision)


def _mirrored(example: Example) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    return np.ascontiguousarray(example.color[:, ::-1]), example.part[:, ::-1]


def _highest(cosines: Tensor) -> Tensor:
    return cosines.topk(min(NEIGHBOURS, cosines.shape[1]), dim=1).values.mean(dim=1)
