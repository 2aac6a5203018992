"""From image files to network inputs: views, the frozen encoder of a method, fresh views."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affordance_grasp.datasets.agd20k import ImageFile, Split
from affordance_grasp.datasets.stitching import Catalogue
from affordance_grasp.image_files import read_color
from affordance_grasp.methods.network import GroundingNetwork


class ImageView(Protocol):
    """How one image becomes a network input; a frozen dataclass.

    ``others``: places in the list of images of those that the view needs beside its own.
    """

    @property
    def others(self) -> tuple[int, ...]:
        """See above."""

    def image(
        self, color: NDArray[np.uint8], others: Sequence[NDArray[np.uint8]] = ()
    ) -> NDArray[np.float32]:
        """The input (S, S, 3) in 0..1 of an rgb image (H, W, 3)."""


class ViewPlan(Protocol):
    """Which views train and test images get; ``side`` of their input [pixels]."""

    @property
    def side(self) -> int:
        """Side of the network's input [pixels]."""

    @property
    def seed(self) -> int:
        """What draws the views that are cached."""

    @property
    def plain(self) -> Any:
        """The view of a test image."""

    def ego(
        self, rng: np.random.Generator, index: int, catalogue: Catalogue
    ) -> tuple[ImageView, ...]:
        """Views of egocentric image ``index`` of the catalogue."""

    def exo(
        self, rng: np.random.Generator, index: int, catalogue: Catalogue
    ) -> tuple[ImageView, ...]:
        """Views of exocentric image ``index`` of the catalogue."""


class ViewSource(Protocol):
    """Where training takes its inputs from: cached features, or images anew."""

    def views_of(self, path: Path, rng: np.random.Generator) -> tuple[Any, ...]:
        """The views to choose from for one image."""

    def read(self, path: Path, view: Any) -> NDArray[np.float32]:
        """One view of an image as the network takes it: features (R, C) or an image (3, S, S)."""


Draw = Callable[[np.random.Generator, int, Catalogue], tuple[ImageView, ...]]
"""The views of one image of a catalogue, by its place in it."""


@dataclass(frozen=True)
class ViewedImages:
    """``images`` of a split, each in the views that ``draw`` gives; ``name`` of the set of images.

    ``seed`` draws the views that are cached.
    """

    name: str
    split: Split
    images: Sequence[ImageFile]
    draw: Draw
    seed: int = 0

    def views(self, images: Sequence[ImageFile]) -> tuple[tuple[ImageView, ...], ...]:
        """The same views of some of the images at every call."""
        catalogue = catalogue_of(self.split, images)
        draws = (np.random.default_rng([self.seed, i]) for i in range(len(images)))
        return tuple(self.draw(rng, i, catalogue) for i, rng in enumerate(draws))

    def in_view(self, view: ImageView) -> "ViewedImages":
        """The same images, all in one view."""
        return replace(self, draw=lambda *_: (view,))


def views_for_training(split: Split, plan: ViewPlan) -> tuple[ViewedImages, ViewedImages]:
    """The egocentric and the exocentric train images of a split in the views of a plan."""
    return (
        ViewedImages("ego", split, split.train_ego, plan.ego, plan.seed),
        ViewedImages("exo", split, split.train_exo, plan.exo, plan.seed),
    )


def views_for_test(split: Split, view: ImageView) -> ViewedImages:
    """The test images of a split, all in one view."""
    return ViewedImages("test", split, [item.image for item in split.test], lambda *_: (view,))


@dataclass(frozen=True)
class FrozenEncoder:
    """The frozen part of a method: images -> features.

    ``kind`` names the features, ``sha256`` the weights; ``encode`` takes normalised images
    (B, 3, S, S) and gives (B, R, C): R tokens of C channels.
    """

    kind: str
    sha256: str
    side: int
    normalise: Callable[[Tensor], Tensor]
    encode: Callable[[Tensor], Tensor]
    device: str = "cpu"

    @torch.inference_mode()
    def features(self, images: NDArray[np.float32], bfloat16: bool) -> NDArray[np.float16]:
        """Features (B, R, C) of images (B, S, S, 3) in 0..1; ``bfloat16``: autocast."""
        batch = torch.from_numpy(images).permute(0, 3, 1, 2).to(self.device)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=bfloat16):
            features = self.encode(self.normalise(batch))
        return np.asarray(features.float().cpu().numpy(), np.float16)


def frozen_encoder(network: GroundingNetwork, device: str = "cpu") -> FrozenEncoder:
    """The frozen part of a network that has a backbone."""
    backbone = network.present_backbone
    return FrozenEncoder(
        network.feature_kind,
        backbone.sha256,
        backbone.image_side,
        backbone.spec.normalise,
        network.encode,
        device,
    )


@dataclass(frozen=True)
class FreshViews:
    """Images read and augmented anew for every step; the backbone runs inside the network."""

    viewed: ViewedImages
    encoder: FrozenEncoder

    def views_of(self, path: Path, rng: np.random.Generator) -> tuple[ImageView, ...]:
        """New views of an image."""
        return self.viewed.draw(rng, self._index_of[path], self._catalogue)

    def read(self, path: Path, view: ImageView) -> NDArray[np.float32]:
        """The normalised image (3, S, S) of a view."""
        others = [read_color(self.viewed.images[other].path) for other in view.others]
        image = torch.from_numpy(view.image(read_color(path), others)).permute(2, 0, 1)
        return np.asarray(self.encoder.normalise(image).numpy())

    @cached_property
    def _index_of(self) -> dict[Path, int]:
        return {image.path: i for i, image in enumerate(self.viewed.images)}

    @cached_property
    def _catalogue(self) -> Catalogue:
        return catalogue_of(self.viewed.split, self.viewed.images)


def catalogue_of(split: Split, images: Sequence[ImageFile]) -> Catalogue:
    """The objects on ``images``, with all affordances of a split's train images."""
    affordances: dict[str, set[str]] = {}
    for image in split.train_ego:
        affordances.setdefault(image.object, set()).add(image.affordance)
    return Catalogue(
        tuple(image.object for image in images),
        {name: frozenset(known) for name, known in affordances.items()},
    )
