"""Batches of LOCATE and its successors: one sample per exocentric image (released code)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affordance_grasp.configuration.settings import Count, Settings, Whole, Word
from affordance_grasp.datasets.agd20k import ImageFile, Split, grouped
from affordance_grasp.datasets.images import ViewSource
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.recipe import Draws, TrainingData, split_affordances


@dataclass(frozen=True)
class TripletSampling(Settings, title="sampling"):
    """How a sample is put together.

    ``exo_images``: exocentric images, the anchor included (paper: 3). ``ego_names``: shell
    pattern of the names of the egocentric images to draw from; a pair of affordance and object
    with no such image draws from all of its images. ``frames``: a sample is a clip, and as many
    of its frames, in order, stand for the exocentric images; 0: they are images.
    """

    exo_images: Count = 3
    ego_names: Word = "*"
    frames: Whole = 0


@dataclass(frozen=True)
class Triplets:
    """Which images make up a sample; all randomness comes from the generator of a call.

    Sample i: exocentric image i, others of its affordance and object, and one egocentric
    image of the same. The object's name serves for this pairing only. ``clips``: by folder the
    frames of a clip, of which ``anchors`` holds the first and a sample takes ``frames``.
    """

    anchors: tuple[ImageFile, ...]
    exo: dict[tuple[str, str], tuple[ImageFile, ...]]
    ego: dict[tuple[str, str], tuple[ImageFile, ...]]
    exo_images: int
    frames: int = 0
    clips: Mapping[Path, tuple[ImageFile, ...]] = field(default_factory=dict)

    def draw(self, index: int, rng: np.random.Generator) -> tuple[ImageFile, list[ImageFile]]:
        """An egocentric image, and the exocentric ones, the anchor first.

        All are distinct, unless there are no more than a sample takes: then repeats may occur.
        """
        anchor = self.anchors[index]
        alike = self.ego[anchor.pair]
        ego = alike[int(rng.integers(len(alike)))]
        if self.frames:
            return ego, spread_frames(self.clips[anchor.path.parent], self.frames, rng)
        folder = self.exo[anchor.pair]
        wanted = self.exo_images - 1
        if len(folder) <= self.exo_images:
            return ego, [anchor, *(folder[int(i)] for i in rng.integers(len(folder), size=wanted))]
        others = [image for image in folder if image != anchor]
        chosen = rng.choice(len(others), wanted, replace=False)
        return ego, [anchor, *(others[int(i)] for i in chosen)]


def spread_frames(
    clip: Sequence[ImageFile], count: int, rng: np.random.Generator
) -> list[ImageFile]:
    """One frame of each of ``count`` equal stretches of a clip; short clips repeat frames."""
    places = (np.arange(count) + rng.random(count)) * len(clip) / count
    return [clip[int(place)] for place in places]


def check_clips(split: Split, sampling: TripletSampling) -> None:
    """Refuse clips where a sampling wants some and images do not lie in folders of clips."""
    loose = [p for p in split.train_exo if p.path.parent.name == p.object]
    if sampling.frames and loose:
        raise InvalidInput(
            f"sampling: frames takes clips, folders of frames below exocentric/AFFORDANCE/OBJECT; "
            f"{loose[0].path} lies in none"
        )


def triplets(split: Split, sampling: TripletSampling) -> Triplets:
    """The samples of a split."""
    clips = grouped(split.train_exo, lambda image: image.path.parent) if sampling.frames else {}
    return Triplets(
        tuple(frames[0] for frames in clips.values()) or split.train_exo,
        grouped(split.train_exo, attrgetter("pair")),
        {
            pair: tuple(p for p in alike if fnmatch(p.path.name, sampling.ego_names)) or alike
            for pair, alike in grouped(split.train_ego, attrgetter("pair")).items()
        },
        sampling.exo_images,
        sampling.frames,
        clips,
    )


@dataclass(frozen=True, eq=False)
class TripletSamples:
    """Training batches; all randomness comes from the draws that a call is given.

    ``affordances``: the classes in the network's order. ``collate`` makes what the network's loss
    takes of its ``ego``, ``exo`` and ``label``.
    """

    triplets: Triplets
    ego: ViewSource
    exo: ViewSource
    affordances: Sequence[str]
    collate: Callable[[Tensor, Tensor, Tensor], Any]

    def __len__(self) -> int:
        """Number of samples of an epoch."""
        return len(self.triplets.anchors)

    def batch(self, chosen: Sequence[int], draws: Draws) -> Any:
        """The samples ``chosen``, every image in one of its views."""
        rngs = [draws.of(i) for i in chosen]
        drawn = [self.triplets.draw(i, rng) for i, rng in zip(chosen, rngs, strict=True)]
        samples = list(zip(drawn, rngs, strict=True))
        ego = [_read(self.ego, image, rng) for (image, _), rng in samples]
        exo = [np.stack([_read(self.exo, i, rng) for i in many]) for (_, many), rng in samples]
        return self.collate(
            torch.from_numpy(np.stack(ego)),
            torch.from_numpy(np.stack(exo)),
            torch.tensor([self.affordances.index(image.affordance) for image, _ in drawn]),
        )


def triplet_samples(
    batch: Callable[[Tensor, Tensor, Tensor], Any],
) -> Callable[[TrainingData, TripletSampling, Tensor], TripletSamples]:
    """What draws the samples of a method whose ``batch`` holds no text."""

    def samples(data: TrainingData, sampling: TripletSampling, text: Tensor) -> TripletSamples:
        del text
        affordances, chosen = split_affordances(data.split), triplets(data.split, sampling)
        return TripletSamples(chosen, data.ego, data.exo, affordances, batch)

    return samples


def _read(source: ViewSource, image: ImageFile, rng: np.random.Generator) -> NDArray[np.float32]:
    views = source.views_of(image.path, rng)
    return source.read(image.path, views[int(rng.integers(len(views)))])
