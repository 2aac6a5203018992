"""Training samples of the label refinement: images beside similar exocentric ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from affordance_grasp.datasets.agd20k import ImageFile, Split
from affordance_grasp.datasets.images import FrozenEncoder
from affordance_grasp.datasets.stitching import StitchView
from affordance_grasp.errors import InvalidInput
from affordance_grasp.image_files import read_color
from affordance_grasp.learning.labels.masking import box_region
from affordance_grasp.learning.labels.object_crops import (
    ObjectMasks,
    object_vectors,
    pad_square,
    square_crop,
)
from affordance_grasp.learning.labels.refine_config import Pair, RefineConfig
from affordance_grasp.methods.plsp.refiner import RefinerBatch
from affordance_grasp.methods.plsp.samples import PairTexts, similar_images
from affordance_grasp.methods.recipe import Draws


@dataclass(frozen=True)
class RefinerView:
    """The network's inputs of one crop of an image.

    ``ego``: tokens of the frozen backbone, or the normalised image where it is trained. ``crop``:
    frozen patch features of the object's box, ``box`` (4,) whole pixels of the image. ``valid``:
    whether the crop shows at least a patch of the box.
    """

    ego: NDArray[Any]
    crop: NDArray[np.float16]
    box: NDArray[np.float32]
    valid: bool


class RefinerSamples:
    """Batches; all randomness comes from the draws that a call is given."""

    def __init__(
        self,
        classes: Sequence[Pair],
        masks: ObjectMasks,
        encoder: FrozenEncoder,
        texts: PairTexts,
        config: RefineConfig,
        *,
        fresh: bool,
        progress: Callable[..., Any] = lambda items, **_: items,
    ) -> None:
        """Encode all images of ``classes``; those whose object was not found are left out.

        ``encoder``: the frozen encoder, whose features are compared. ``fresh``: the network's own
        encoder is trained, so that it needs new images instead of cached tokens.
        """
        ego, exo = images_of(masks.split, classes)
        found = [(p, masks.detections(p, "ego")) for p in ego]
        boxes = {image: boxes.best for image, boxes in found if boxes is not None}
        if not boxes:
            raise InvalidInput("the object is found in no egocentric image of these classes")
        self.images, self._boxes = tuple(boxes), tuple(boxes.values())
        self._encoder, self._texts, self._config = encoder, texts, config
        sought = {
            "objects, egocentric": [(p, "ego") for p in self.images],
            "objects, exocentric": [(p, "exo") for p in exo],
        }
        own, self._exo = (
            object_vectors(progress(images, desc=words), masks, self._encode, encoder.side)
            for words, images in sought.items()
        )
        usable = np.flatnonzero(self._exo.valid).tolist()
        self._pools = similar_images(
            self.images, own.vectors, exo, self._exo.vectors, usable, size=config.exo_pool
        )
        self._cached = None if fresh else self._cache_views(progress)

    def __len__(self) -> int:
        """Number of samples of an epoch."""
        return len(self.images)

    def batch(self, chosen: Sequence[int], draws: Draws) -> RefinerBatch:
        """The samples ``chosen``, each in one view and with its exocentric images."""
        rngs = [draws.of(i) for i in chosen]
        views = [self._draw_view(i, rng) for i, rng in zip(chosen, rngs, strict=True)]
        exo = [self._draw_exo(i, rng) for i, rng in zip(chosen, rngs, strict=True)]
        valid = np.stack([v for _, v in exo]) * np.array([[v.valid] for v in views], np.float32)
        return RefinerBatch(
            ego=torch.from_numpy(np.stack([v.ego for v in views])).float(),
            part=self._texts.parts([self.images[i] for i in chosen]),
            boxes=torch.from_numpy(np.stack([v.box for v in views])),
            crop=torch.from_numpy(np.stack([v.crop for v in views])).float(),
            exo=torch.from_numpy(np.stack([vectors for vectors, _ in exo])),
            valid=torch.from_numpy(valid),
        )

    def _draw_view(self, index: int, rng: np.random.Generator) -> RefinerView:
        if self._cached is None:
            return self._view(index, rng, tokens=False)
        return self._cached[index][int(rng.integers(self._config.crops))]

    def _draw_exo(
        self, index: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Vectors (E, D) of different images of the pool, and 1 for each that there is."""
        pool = self._pools[index]
        drawn = rng.permutation(pool)[: self._config.exo]
        vectors = np.zeros((self._config.exo, self._exo.vectors.shape[1]), np.float32)
        valid = np.zeros(self._config.exo, np.float32)
        vectors[: len(drawn)] = self._exo.vectors[drawn]
        valid[: len(drawn)] = self._exo.valid[drawn]
        return vectors, valid

    def _cache_views(self, progress: Callable[..., Any]) -> list[list[RefinerView]]:
        """Fixed views of every image: 0.4 MB each at 257 tokens of 384 channels."""
        views = []
        for index in progress(range(len(self.images)), desc="crops, egocentric"):
            rng = np.random.default_rng([self._config.seed, index])
            views.append([self._view(index, rng, tokens=True) for _ in range(self._config.crops)])
        return views

    def _view(self, index: int, rng: np.random.Generator, *, tokens: bool) -> RefinerView:
        side, squash = self._encoder.side, self._config.squash
        top, left = rng.integers(0, squash - side + 1, 2)
        view = StitchView(squash, side, int(top), int(left), bool(rng.random() < 0.5))
        color, pad_left, pad_top = pad_square(read_color(self.images[index].path))
        shifted = self._boxes[index] + np.array([pad_left, pad_top] * 2)
        rows, columns = box_region(view.box(shifted, *color.shape[1::-1]), (side, side))
        image = view.image(np.asarray(color, np.uint8))
        crop = square_crop(image, (rows, columns), side)
        if tokens:
            ego, inside = self._encode(np.stack([image, crop]))
        else:
            ego = self._encoder.normalise(torch.from_numpy(image).permute(2, 0, 1)).numpy()
            inside = self._encode(crop[None])[0]
        box = np.array([columns.start, rows.start, columns.stop, rows.stop], np.float32)
        patch = side // round((len(inside) - 1) ** 0.5)
        visible = min(columns.stop - columns.start, rows.stop - rows.start) >= patch
        return RefinerView(ego, inside[1:], box, visible)

    def _encode(self, images: NDArray[np.float32]) -> NDArray[np.float16]:
        return self._encoder.features(images, False)


def images_of(
    split: Split, classes: Sequence[Pair]
) -> tuple[tuple[ImageFile, ...], tuple[ImageFile, ...]]:
    """Egocentric and exocentric train images of some classes."""
    ego, exo = (
        tuple(p for p in s if p.pair in classes) for s in (split.train_ego, split.train_exo)
    )
    return ego, exo
