"""Training batches for PLSP from cached tokens: one sample per labelled egocentric picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affordance_grasp.errors import InvalidInput
from affordance_grasp.grounding.plsp import PlspBatch
from affordance_grasp.grounding.text import (
    TextEncoder,
    affordance_sentence,
    noun_sentence,
    text_table,
)
from affordance_grasp.grounding.vocabulary import AFFORDANCES
from affordance_grasp.learning.agd20k import Picture, Split, picture_size, read_gray
from affordance_grasp.learning.detections import Detections, Detector
from affordance_grasp.learning.features import FeatureSet, TokenStore
from affordance_grasp.learning.pseudo_labels import label_path
from affordance_grasp.learning.views import View, blurred_label, box_patches


@dataclass(frozen=True)
class SamplingConfig:
    """``stitched``: probability of a stitched view where one serves the query (paper: 0.5).

    ``exo_pool``: from how many of the most similar exocentric pictures one is drawn (paper: 10).
    """

    stitched: float = 0.5
    exo_pool: int = 10

    def __post_init__(self) -> None:
        """Refuse a probability outside 0..1 and an empty pool."""
        if not 0 <= self.stitched <= 1 or self.exo_pool < 1:
            raise InvalidInput(
                f"stitching probability {self.stitched} must be in 0..1, exo pool "
                f"{self.exo_pool} at least 1"
            )


class PlspSamples:
    """Draws training batches; all randomness comes from the generator that a call is given."""

    def __init__(
        self,
        split: Split,
        features: FeatureSet,
        detector: Detector,
        texts: "PairTexts",
        config: SamplingConfig = SamplingConfig(),
    ) -> None:
        """Keep the labelled pictures; refuse a split in which none is labelled."""
        self.pictures = tuple(p for p in split.train_ego if label_path(split, p).exists())
        if not self.pictures:
            raise InvalidInput(
                f"no pseudo labels below {split.folder / 'trainset/PL'}; run: affordance-grasp "
                f"pseudo-labels {split.folder.parent} --split {split.name}"
            )
        self.config = config
        self._split = split
        self._features = features
        self._texts = texts
        self._side = features.ego.views[0][0].side
        self._targets: dict[int, NDArray[np.float16]] = {}
        self._exo = ExoPool(split, features, detector, config.exo_pool)

    def __len__(self) -> int:
        """Number of samples of an epoch."""
        return len(self.pictures)

    def batch(self, chosen: Sequence[int], rng: np.random.Generator) -> PlspBatch:
        """The samples ``chosen``, each in one of its views and with one exocentric picture."""
        store = self._features.ego
        pictures = [self.pictures[i] for i in chosen]
        columns = [self._column(picture, rng) for picture in pictures]
        rows = [store.row_of[picture.path] for picture in pictures]
        targets = [
            store.views[row][column].label(self._target(i).astype(np.float32))
            for i, row, column in zip(chosen, rows, columns, strict=True)
        ]
        exo = [self._exo.draw(picture, rng) for picture in pictures]
        return PlspBatch(
            ego=_float(np.stack([store.tokens[r, c] for r, c in zip(rows, columns, strict=True)])),
            exo=_float(np.stack([self._exo.tokens(i) for i in exo])),
            target=torch.from_numpy(np.stack(targets)),
            object_patches=torch.from_numpy(np.stack([self._exo.patches[i] for i in exo])),
            text=self._texts.verbs(pictures),
            noun=self._texts.nouns(pictures),
            part=self._texts.parts(pictures),
            label=torch.tensor([AFFORDANCES.index(p.affordance) for p in pictures]),
        )

    def _column(self, picture: Picture, rng: np.random.Generator) -> int:
        views = self._features.ego.views[self._features.ego.row_of[picture.path]]
        plain = [i for i, view in enumerate(views) if view.quadrant is None]
        stitched = [
            i
            for i, view in enumerate(views)
            if view.quadrant is not None and view.serves(picture.affordance)
        ]
        wanted = stitched if stitched and rng.random() < self.config.stitched else plain
        return wanted[int(rng.integers(len(wanted)))]

    def _target(self, index: int) -> NDArray[np.float16]:
        if index not in self._targets:
            mask = read_gray(label_path(self._split, self.pictures[index]))
            squash = self._features.ego.views[0][0].squash
            self._targets[index] = blurred_label(mask, squash).astype(np.float16)
        return self._targets[index]


class ExoPool:
    """For every egocentric picture the exocentric ones whose object looks most like its own.

    Similarity is the cosine of the tokens averaged over the object's box (PLSP 3.2; the script
    that built the released table is not public). Without a box the whole picture counts.
    """

    def __init__(self, split: Split, features: FeatureSet, detector: Detector, size: int) -> None:
        """Compare the pictures of every (affordance, object)."""
        self._store = features.exo
        self._exo = split.train_exo
        self.patches = [
            _patches(picture, View(), detector.object_exo(picture), self._grid)
            for picture in split.train_exo
        ]
        vectors = np.stack([self._mean(i) for i in range(len(split.train_exo))])
        by_pair: dict[tuple[str, str], list[int]] = {}
        for i, picture in enumerate(split.train_exo):
            by_pair.setdefault(picture.pair, []).append(i)
        self._pool: dict[Picture, NDArray[np.int64]] = {}
        for picture in split.train_ego:
            candidates = np.array(by_pair[picture.pair])
            own = _ego_vector(picture, features.ego, detector, self._grid)
            nearest = np.argsort(-(vectors[candidates] @ own), kind="stable")
            self._pool[picture] = candidates[nearest[:size]]

    def draw(self, picture: Picture, rng: np.random.Generator) -> int:
        """Index of an exocentric picture for an egocentric one, uniform over its pool."""
        pool = self._pool[picture]
        return int(pool[int(rng.integers(len(pool)))])

    def tokens(self, index: int) -> NDArray[np.float16]:
        """Tokens (1 + grid^2, dim) of an exocentric picture."""
        return np.asarray(self._store.tokens[self._store.row_of[self._exo[index].path], 0])

    @cached_property
    def _grid(self) -> int:
        return round((self._store.tokens.shape[2] - 1) ** 0.5)

    def _mean(self, index: int) -> NDArray[np.float32]:
        return _masked_mean(self.tokens(index), self.patches[index])


class PairTexts:
    """Text features of affordances, objects and parts, each sentence encoded once."""

    def __init__(
        self, encoder: TextEncoder, split: Split, part_prompt: Callable[[str, str], str | None]
    ) -> None:
        """Encode what the split needs; ``part_prompt(affordance, object)`` names the part.

        Where it names none, the object's own name stands for the part.
        """
        pairs = sorted({picture.pair for picture in split.train_ego})
        sentences: dict[object, str] = {}
        for affordance, name in pairs:
            sentences[affordance] = affordance_sentence(affordance)
            sentences["object", name] = noun_sentence(name)
            sentences[affordance, name] = part_prompt(affordance, name) or noun_sentence(name)
        distinct = list(dict.fromkeys(sentences.values()))
        table = text_table(encoder, distinct)
        self._features = {key: table[sentence].float() for key, sentence in sentences.items()}

    def verbs(self, pictures: Sequence[Picture]) -> Tensor:
        """(B, text_dim) features of the pictures' affordances."""
        return torch.stack([self._features[p.affordance] for p in pictures])

    def nouns(self, pictures: Sequence[Picture]) -> Tensor:
        """(B, text_dim) features of the pictures' objects."""
        return torch.stack([self._features["object", p.object] for p in pictures])

    def parts(self, pictures: Sequence[Picture]) -> Tensor:
        """(B, text_dim) features of the parts on which the affordances act."""
        return torch.stack([self._features[p.pair] for p in pictures])


def _float(tokens: NDArray[np.float16]) -> Tensor:
    return torch.from_numpy(tokens).float()


def _patches(
    picture: Picture, view: View, detections: Detections | None, grid: int
) -> NDArray[np.float32]:
    """(grid * grid,) 1 where a patch of the view touches the object's best box."""
    if detections is None:
        return np.ones(grid * grid, np.float32)
    box = detections.boxes[detections.scores.argmax()]
    inside = view.box(box, *picture_size(picture.path))
    if inside[2] - inside[0] < 1 or inside[3] - inside[1] < 1:  # the crop cut the object off
        return np.ones(grid * grid, np.float32)
    return box_patches(inside, grid, view.side)


def _ego_vector(
    picture: Picture, store: TokenStore, detector: Detector, grid: int
) -> NDArray[np.float32]:
    row = store.row_of[picture.path]
    patches = _patches(picture, store.views[row][0], detector.object_ego(picture), grid)
    return _masked_mean(np.asarray(store.tokens[row, 0]), patches)


def _masked_mean(tokens: NDArray[np.float16], patches: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = patches @ tokens[1:].astype(np.float32)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)
