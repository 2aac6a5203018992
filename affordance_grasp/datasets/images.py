"""From image files to what a network reads: views, the frozen part of a method, fresh views."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affordance_grasp.datasets.agd20k import ImageFile, Split, read_color
from affordance_grasp.datasets.views import Catalogue
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
        """What draws the views that are kept."""

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
    """Where training takes its inputs from: rows that were kept, or images anew."""

    def views_of(self, path: Path, rng: np.random.Generator) -> tuple[Any, ...]:
        """The views to choose from for one image."""

    def read(self, path: Path, view: Any) -> NDArray[np.float32]:
        """One view of an image as the network takes it: rows (R, C) or an image (3, S, S)."""


@dataclass(frozen=True)
class Reader:
    """The frozen part of a method: images -> rows of channels.

    ``reads`` names the kind of rows, ``sha256`` the weights; ``encode`` takes normalised images
    (B, 3, S, S) and gives (B, R, C).
    """

    reads: str
    sha256: str
    side: int
    normalise: Callable[[Tensor], Tensor]
    encode: Callable[[Tensor], Tensor]
    device: str = "cpu"

    @torch.inference_mode()
    def rows(self, images: NDArray[np.float32], bfloat16: bool) -> NDArray[np.float16]:
        """Rows (B, R, C) of images (B, S, S, 3) in 0..1; ``bfloat16``: autocast."""
        batch = torch.from_numpy(images).permute(0, 3, 1, 2).to(self.device)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=bfloat16):
            rows = self.encode(self.normalise(batch))
        return np.asarray(rows.float().cpu().numpy(), np.float16)


def reader_of(network: GroundingNetwork, device: str = "cpu") -> Reader:
    """The frozen part of a network that has a backbone."""
    backbone = network.present_backbone
    return Reader(
        network.feature_kind,
        backbone.sha256,
        backbone.image_side,
        backbone.spec.normalise,
        network.encode,
        device,
    )


@dataclass(frozen=True)
class FreshViews:
    """Images read and augmented anew for every step; the backbone runs inside the network.

    ``draw``: the plan's views of one kind of image. ``index_of``: the places of the images'
    paths in ``catalogue``, in its order.
    """

    draw: Callable[[np.random.Generator, int, Catalogue], tuple[ImageView, ...]]
    catalogue: Catalogue
    index_of: dict[Path, int]
    normalise: Callable[[Tensor], Tensor]

    def views_of(self, path: Path, rng: np.random.Generator) -> tuple[ImageView, ...]:
        """New views of an image."""
        return self.draw(rng, self.index_of[path], self.catalogue)

    def read(self, path: Path, view: ImageView) -> NDArray[np.float32]:
        """The normalised image (3, S, S) of a view."""
        others = [read_color(self._paths[other]) for other in view.others]
        image = torch.from_numpy(view.image(read_color(path), others)).permute(2, 0, 1)
        return np.asarray(self.normalise(image).numpy())

    @cached_property
    def _paths(self) -> list[Path]:
        return list(self.index_of)


def fresh_views(
    split: Split,
    images: Sequence[ImageFile],
    draw: Callable[[np.random.Generator, int, Catalogue], tuple[ImageView, ...]],
    normalise: Callable[[Tensor], Tensor],
) -> FreshViews:
    """Fresh views of ``images`` of a split."""
    index_of = {image.path: i for i, image in enumerate(images)}
    return FreshViews(draw, catalogue_of(split, images), index_of, normalise)


def fresh_test_images(split: Split, view: ImageView, reader: Reader) -> FreshViews:
    """The test images of a split in their one ``view``, for a backbone inside the network."""
    images = [item.image for item in split.test]
    return fresh_views(split, images, lambda *_: (view,), reader.normalise)


def catalogue_of(split: Split, images: Sequence[ImageFile]) -> Catalogue:
    """What stands on ``images``, with all affordances of a split's train images."""
    affordances: dict[str, set[str]] = {}
    for image in split.train_ego:
        affordances.setdefault(image.object, set()).add(image.affordance)
    return Catalogue(
        tuple(image.object for image in images),
        {name: frozenset(known) for name, known in affordances.items()},
    )
