"""Training batches for PLSP: one sample per labelled egocentric image."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affordance_grasp.configuration.settings import Count, Settings, Share
from affordance_grasp.datasets.agd20k import ImageFile, Split, grouped
from affordance_grasp.datasets.detections import Detections, RecordedDetector
from affordance_grasp.datasets.features import CachedFeatures
from affordance_grasp.datasets.images import ViewSource
from affordance_grasp.datasets.labels import Labels, label_for_training
from affordance_grasp.datasets.stitching import (
    StitchView,
    blurred_label,
    box_patches,
    sharp_label,
    squash,
)
from affordance_grasp.encoders.text import (
    TextEncoder,
    affordance_sentence,
    noun_sentence,
    text_table,
)
from affordance_grasp.errors import InvalidInput
from affordance_grasp.image_files import image_size, read_gray
from affordance_grasp.methods.plsp.config import PlspBatch
from affordance_grasp.methods.recipe import Draws, all_affordances


@dataclass(frozen=True)
class SamplingConfig(Settings, title="sampling"):
    """``stitched``: probability of a stitched view where one serves the query (paper: 0.5).

    ``exo_pool``: from how many of the most similar exocentric images one is drawn (paper: 10).
    ``exo_similarity``: whose similarity, of this network's ``features`` or the ``released`` one.
    ``labels``: ``initial`` pseudo labels, or the ``refined`` ones where there are any (stage B).
    ``blurred``: labels are blurred as AGD20K's annotations are, as published; the logistic map
    loss learns from sharp ones. ``exo_mask``: alignment sees the object's box of an exocentric
    image alone, as published, or else all of the image.
    """

    stitched: Share = 0.5
    exo_pool: Count = 10
    exo_similarity: Literal["features", "released"] = "features"
    labels: Labels = "initial"
    blurred: bool = True
    exo_mask: bool = True


class PlspSamples:
    """Training batches; all randomness comes from the draws that a call is given."""

    def __init__(
        self,
        split: Split,
        ego: ViewSource,
        exo: ViewSource,
        pool: "ExoPool",
        texts: "PairTexts",
        *,
        squash: int,
        config: SamplingConfig = SamplingConfig(),
    ) -> None:
        """Keep the labelled images, see :func:`labelled_images`.

        ``squash``: side [pixels] to which the views' images are squashed before they are cut.
        """
        self._labels = labelled_images(split, config.labels)
        self.images = tuple(self._labels)
        self._index = {name: i for i, name in enumerate(all_affordances(split))}
        self.config = config
        self._ego = ego
        self._exo = exo
        self._pool = pool
        self._texts = texts
        self._squash = squash
        self._targets: dict[int, NDArray[np.float16]] = {}

    def __len__(self) -> int:
        """Number of samples of an epoch."""
        return len(self.images)

    def batch(self, chosen: Sequence[int], draws: Draws) -> PlspBatch:
        """The samples ``chosen``, each in one of its views and with one exocentric image."""
        images, rngs = [self.images[i] for i in chosen], [draws.of(i) for i in chosen]
        views = [self._view(image, rng) for image, rng in zip(images, rngs, strict=True)]
        targets = [self._label(i, view) for i, view in zip(chosen, views, strict=True)]
        ego = [self._ego.read(p.path, view) for p, view in zip(images, views, strict=True)]
        exo = [self._pool.draw(image, rng) for image, rng in zip(images, rngs, strict=True)]
        exo_images = [self._pool.images[i] for i in exo]
        plain = [self._plain(p, rng) for p, rng in zip(exo_images, rngs, strict=True)]
        patches = np.stack([self._pool.patches[i] for i in exo])
        return PlspBatch(
            ego=torch.from_numpy(np.stack(ego)),
            exo=torch.from_numpy(np.stack(plain)),
            target=torch.from_numpy(np.stack(targets)),
            object_patches=torch.from_numpy(
                patches if self.config.exo_mask else np.ones_like(patches)
            ),
            text=self._texts.verbs(images),
            noun=self._texts.nouns(images),
            part=self._texts.parts(images),
            label=torch.tensor([self._index[p.affordance] for p in images]),
        )

    def _view(self, image: ImageFile, rng: np.random.Generator) -> StitchView:
        views = self._ego.views_of(image.path, rng)
        plain = [view for view in views if view.quadrant is None]
        stitched = [
            view for view in views if view.quadrant is not None and view.serves(image.affordance)
        ]
        wanted = stitched if stitched and rng.random() < self.config.stitched else plain
        return wanted[int(rng.integers(len(wanted)))]

    def _plain(self, image: ImageFile, rng: np.random.Generator) -> NDArray[np.float32]:
        (view,) = self._exo.views_of(image.path, rng)
        return self._exo.read(image.path, view)

    def _label(self, index: int, view: StitchView) -> NDArray[np.float32]:
        target = squash(self._target(index), view.squash)
        return view.label(target) if self.config.blurred else view.mask(target)

    def _target(self, index: int) -> NDArray[np.float16]:
        if index not in self._targets:
            mask = read_gray(self._labels[self.images[index]])
            soften = blurred_label if self.config.blurred else sharp_label
            self._targets[index] = soften(mask, self._squash).astype(np.float16)
        return self._targets[index]


def labelled_images(split: Split, labels: Labels) -> dict[ImageFile, Path]:
    """The egocentric train images that have a label, and its file; refuses a split without any."""
    files = {p: label_for_training(split, p, labels) for p in split.train_ego}
    labelled = {image: path for image, path in files.items() if path.exists()}
    if not labelled:
        raise InvalidInput(
            f"no pseudo labels below {split.folder / 'trainset/PL'}; run: affordance-grasp "
            f"pseudo-labels {split.folder.parent} --split {split.name}"
        )
    return labelled


class ExoPool:
    """For every egocentric image the exocentric ones whose object looks most like its own.

    Similarity is the cosine of the tokens averaged over the object's box (PLSP 3.2; the script
    that built the released table is not public). Without a box the whole image counts.
    """

    def __init__(
        self,
        split: Split,
        ego: CachedFeatures,
        exo: CachedFeatures,
        detector: RecordedDetector,
        size: int,
        *,
        pools: Sequence[NDArray[np.int64]] | None = None,
    ) -> None:
        """Compare the images of every (affordance, object) by features of their first views.

        ``pools``: for each egocentric image the places of those most like it, where known.
        """
        self.images = split.train_exo
        grid = round((exo.values.shape[2] - 1) ** 0.5)
        self.patches = [
            _patches(p, exo.views[exo.row_of[p.path]][0], detector.object_exo(p), grid)
            for p in self.images
        ]
        if pools is None:
            own = np.stack([_ego_vector(p, ego, detector, grid) for p in split.train_ego])
            others = [
                _masked_mean(exo.values[exo.row_of[image.path], 0], patches)
                for image, patches in zip(self.images, self.patches, strict=True)
            ]
            everything = range(len(self.images))
            pools = similar_images(
                split.train_ego, own, self.images, np.stack(others), everything, size=size
            )
        self._pool = dict(zip(split.train_ego, pools, strict=True))

    def draw(self, image: ImageFile, rng: np.random.Generator) -> int:
        """Index of an exocentric image for an egocentric one, uniform over its pool."""
        pool = self._pool[image]
        return int(pool[int(rng.integers(len(pool)))])


class PairTexts:
    """Text features of affordances, objects and parts, each sentence encoded once."""

    def __init__(
        self, encoder: TextEncoder, split: Split, part_prompt: Callable[[str, str], str | None]
    ) -> None:
        """Encode what the split needs; ``part_prompt(affordance, object)`` names the part.

        Without one the object's name is used.
        """
        pairs = sorted({image.pair for image in split.train_ego})
        sentences: dict[object, str] = {}
        for affordance, name in pairs:
            sentences[affordance] = affordance_sentence(affordance)
            sentences["object", name] = noun_sentence(name)
            sentences[affordance, name] = part_prompt(affordance, name) or noun_sentence(name)
        distinct = list(dict.fromkeys(sentences.values()))
        table = text_table(encoder, distinct)
        self._features = {key: table[sentence].float() for key, sentence in sentences.items()}

    def verbs(self, images: Sequence[ImageFile]) -> Tensor:
        """(B, text_dim) features of the images' affordances."""
        return torch.stack([self._features[p.affordance] for p in images])

    def nouns(self, images: Sequence[ImageFile]) -> Tensor:
        """(B, text_dim) features of the images' objects."""
        return torch.stack([self._features["object", p.object] for p in images])

    def parts(self, images: Sequence[ImageFile]) -> Tensor:
        """(B, text_dim) features of the parts on which the affordances act."""
        return torch.stack([self._features[p.pair] for p in images])


def similar_images(
    images: Sequence[ImageFile],
    own: NDArray[np.float32],
    others: Sequence[ImageFile],
    vectors: NDArray[np.float32],
    usable: Iterable[int],
    *,
    size: int,
) -> list[NDArray[np.int64]]:
    """For every image the places of the ``size`` most similar ones among ``others`` of its pair.

    ``own`` (N, D) and ``vectors`` (M, D): unit vectors of both, compared by their cosine.
    ``usable``: the places of ``others`` that count.
    """
    by_pair = grouped(usable, lambda place: others[place].pair)
    pools = []
    for image, vector in zip(images, own, strict=True):
        candidates = np.array(by_pair.get(image.pair, []), np.int64)
        nearest = np.argsort(-(vectors[candidates] @ vector), kind="stable")
        pools.append(candidates[nearest[:size]])
    return pools


def _patches(
    image: ImageFile, view: Any, detections: Detections | None, grid: int
) -> NDArray[np.float32]:
    """(grid * grid,) 1 where a patch of the view touches the object's best box."""
    if detections is None:
        return np.ones(grid * grid, np.float32)
    inside = view.box(detections.best, *image_size(image.path))
    if inside[2] - inside[0] < 1 or inside[3] - inside[1] < 1:  # the object is outside the crop
        return np.ones(grid * grid, np.float32)
    return box_patches(inside, grid, view.side)


def _ego_vector(
    image: ImageFile, features: CachedFeatures, detector: RecordedDetector, grid: int
) -> NDArray[np.float32]:
    row = features.row_of[image.path]
    patches = _patches(image, features.views[row][0], detector.object_ego(image), grid)
    return _masked_mean(np.asarray(features.values[row, 0]), patches)


def _masked_mean(tokens: NDArray[np.float16], patches: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = patches @ tokens[1:].astype(np.float32)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)
