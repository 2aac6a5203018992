"""Training batches of the LOCATE family: one sample per exocentric picture (released code)."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affordance_grasp.datasets.agd20k import ImageFile, Split
from affordance_grasp.datasets.images import ViewSource
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.looptrans.network import LoopTransBatch
from affordance_grasp.methods.selectivecl.config import SelectiveClBatch


@dataclass(frozen=True)
class LocateSampling:
    """How a sample is put together.

    ``exo_images``: exocentric pictures, the anchor included (paper: 3). ``ego_names``: shell
    pattern of the names of the egocentric pictures to draw from; a pair of affordance and object
    with no such picture draws from all of its pictures.
    """

    exo_images: int = 3
    ego_names: str = "*"

    def __post_init__(self) -> None:
        """Refuse samples without exocentric pictures, and patterns that match no name."""
        if self.exo_images < 1:
            raise InvalidInput(f"a sample has {self.exo_images} exocentric pictures; at least 1")
        if not self.ego_names:
            raise InvalidInput('no picture has the name ""; for all of them write ego_names: "*"')


@dataclass(frozen=True)
class Triplets:
    """Which pictures make up a sample; all randomness comes from the generator of a call.

    Sample i: exocentric picture i, others of its affordance and object, and one egocentric
    picture of the same. The object's name serves for this pairing only.
    """

    anchors: tuple[ImageFile, ...]
    exo: dict[tuple[str, str], tuple[ImageFile, ...]]
    ego: dict[tuple[str, str], tuple[ImageFile, ...]]
    exo_images: int

    def draw(self, index: int, rng: np.random.Generator) -> tuple[ImageFile, list[ImageFile]]:
        """An egocentric picture, and the exocentric ones, the anchor first.

        All are distinct, unless there are no more than a sample takes: then repeats may occur.
        """
        anchor = self.anchors[index]
        alike = self.ego[anchor.pair]
        ego = alike[int(rng.integers(len(alike)))]
        folder = self.exo[anchor.pair]
        wanted = self.exo_images - 1
        if len(folder) <= self.exo_images:
            return ego, [anchor, *(folder[int(i)] for i in rng.integers(len(folder), size=wanted))]
        others = [picture for picture in folder if picture != anchor]
        chosen = rng.choice(len(others), wanted, replace=False)
        return ego, [anchor, *(others[int(i)] for i in chosen)]


def triplets(split: Split, sampling: LocateSampling) -> Triplets:
    """The samples of a split."""
    return Triplets(
        split.train_exo,
        _by_pair(split.train_exo),
        {
            pair: tuple(p for p in alike if fnmatch(p.path.name, sampling.ego_names)) or alike
            for pair, alike in _by_pair(split.train_ego).items()
        },
        sampling.exo_images,
    )


class LocateSamples:
    """Draws training batches; all randomness comes from the generator that a call is given."""

    def __init__(
        self,
        chosen: Triplets,
        ego: ViewSource,
        exo: ViewSource,
        affordances: Sequence[str],
    ) -> None:
        """``affordances``: the classes in the network's order."""
        self._triplets = chosen
        self._ego = ego
        self._exo = exo
        self._label = {name: i for i, name in enumerate(affordances)}

    def __len__(self) -> int:
        """Number of samples of an epoch."""
        return len(self._triplets.anchors)

    def batch(self, chosen: Sequence[int], rng: np.random.Generator) -> LoopTransBatch:
        """The samples ``chosen``, every picture in one of its views."""
        drawn = [self._triplets.draw(i, rng) for i in chosen]
        ego = [_read(self._ego, picture, rng) for picture, _ in drawn]
        exo = [np.stack([_read(self._exo, p, rng) for p in pictures]) for _, pictures in drawn]
        return LoopTransBatch(
            ego=torch.from_numpy(np.stack(ego)),
            exo=torch.from_numpy(np.stack(exo)),
            label=torch.tensor([self._label[picture.affordance] for picture, _ in drawn]),
        )


class SelectiveClSamples(LocateSamples):
    """The same with the text rows of the affordances."""

    def __init__(
        self,
        chosen: Triplets,
        ego: ViewSource,
        exo: ViewSource,
        affordances: Sequence[str],
        text: Tensor,
    ) -> None:
        """``text`` (A, text dim): rows of the affordances in their order."""
        super().__init__(chosen, ego, exo, affordances)
        self._text = text

    def batch(self, chosen: Sequence[int], rng: np.random.Generator) -> Any:
        """See :class:`LocateSamples`; a batch of SelectiveCL."""
        plain = super().batch(chosen, rng)
        return SelectiveClBatch(plain.ego, plain.exo, plain.label, self._text[plain.label])


def _read(source: ViewSource, picture: ImageFile, rng: np.random.Generator) -> NDArray[np.float32]:
    views = source.views_of(picture.path, rng)
    return source.read(picture.path, views[int(rng.integers(len(views)))])


def _by_pair(pictures: Sequence[ImageFile]) -> dict[tuple[str, str], tuple[ImageFile, ...]]:
    pairs: dict[tuple[str, str], list[ImageFile]] = {}
    for picture in pictures:
        pairs.setdefault(picture.pair, []).append(picture)
    return {pair: tuple(members) for pair, members in pairs.items()}
