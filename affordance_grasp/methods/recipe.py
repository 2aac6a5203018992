"""What differs between the methods' trainings: views, samples, texts, optimiser."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from affordance_grasp.datasets.agd20k import Split
from affordance_grasp.datasets.detections import RecordedDetector
from affordance_grasp.datasets.features import CachedFeatures
from affordance_grasp.datasets.images import ViewSource
from affordance_grasp.encoders.text import TextEncoder, affordance_sentence
from affordance_grasp.errors import InvalidInput
from affordance_grasp.methods.network import GroundingNetwork
from affordance_grasp.methods.table import method_module
from affordance_grasp.query.vocabulary import AFFORDANCES, in_order


@dataclass(frozen=True)
class TrainingData:
    """What samples are drawn from.

    ``ego`` and ``exo``: the train images of ``split`` in the views of ``plan``. ``detector`` of
    parts and objects, and ``text``: None where the method needs none. ``features`` gives
    cached features of all train images, egocentric and exocentric ones.
    """

    split: Split
    plan: Any
    ego: ViewSource
    exo: ViewSource
    features: Callable[[], tuple[CachedFeatures, CachedFeatures]]
    detector: RecordedDetector | None = None
    text: TextEncoder | None = None


@dataclass(frozen=True)
class Draws:
    """The random numbers of an epoch: they follow from the seed and the epoch's number.

    Those of a sample follow from its own number too, whichever batch or process it is in.
    """

    seed: int
    epoch: int

    @property
    def order(self) -> np.random.Generator:
        """The generator of the order of the samples."""
        return np.random.default_rng([self.seed, self.epoch])

    def of(self, sample: int) -> np.random.Generator:
        """The generator of one sample; counted from 1, as a seed ends with its last zeros."""
        return np.random.default_rng([self.seed, self.epoch, sample + 1])


class Samples(Protocol):
    """Training samples; all randomness comes from the draws that are passed in."""

    def __len__(self) -> int:
        """Number of samples of an epoch."""

    def batch(self, chosen: Sequence[int], draws: Draws) -> Any:
        """The batch that the network's loss takes."""


TextLearner = Callable[[Any, TrainingData, Any, Sequence[str], int], Tensor]
"""Network, data, sampling, affordances and seed -> the text table (A, text dim)."""


def affordance_table(encoder: TextEncoder, affordances: Sequence[str]) -> Tensor:
    """Text features (A, text dim) of affordances, in their order."""
    return encoder.encode([affordance_sentence(affordance) for affordance in affordances])


@dataclass(frozen=True)
class Recipe:
    """The parts of training that methods do not share.

    ``plan``: configuration of views; ``sampling``: of samples. ``samples`` draws batches from the
    data, the sampling and the text table. ``optimizer``: the published one, as in YAML.
    ``published``: KLD, SIM and NSS on AGD20K by split. ``check`` refuses a split that lacks what
    a sampling needs, before anything is encoded; ``agree`` a network's configuration whose loss
    does not fit the sampling's labels. ``sentences``: the text features of
    affordances; ``learner``: for a configuration, the function that learns them from the train
    images instead, or None. ``needs_boxes``: whether a detector's boxes of parts and objects are
    read. ``fixed_labels``: labels are indices of :func:`all_affordances`, not of the split's own.
    """

    plan: type[Any]
    sampling: type[Any]
    samples: Callable[[TrainingData, Any, Tensor], Samples]
    optimizer: Mapping[str, Any]
    published: Mapping[str, tuple[float, float, float]]
    check: Callable[[Split, Any], object] = lambda split, sampling: None
    agree: Callable[[Any, Any], None] = lambda network, sampling: None
    sentences: Callable[[TextEncoder, Sequence[str]], Tensor] = affordance_table
    learner: Callable[[Any], TextLearner | None] = lambda config: None
    needs_boxes: bool = False
    fixed_labels: bool = False

    def labelled(self, split: Split) -> tuple[str, ...]:
        """The affordances that labels index."""
        return (all_affordances if self.fixed_labels else split_affordances)(split)

    def reads_sentences(self, config: Any) -> bool:
        """Whether a text encoder is needed for the text table of a network."""
        return config.text_dim > 0 and self.learner(config) is None

    def text_features(
        self, network: GroundingNetwork, encoder: TextEncoder | None, affordances: Sequence[str]
    ) -> Tensor:
        """The text table (A, text dim) of sentences; without columns where none is used."""
        width = network.config.text_dim
        if not width:
            return torch.empty(len(affordances), 0)
        if encoder is None:
            raise InvalidInput(f"{network.name} takes text features; name a text encoder")
        table = self.sentences(encoder, affordances)
        if table.shape[1] != width:
            raise InvalidInput(
                f"{network.name} is configured for text features of {width} channels, text "
                f"encoder {encoder.name} gives {table.shape[1]}"
            )
        return table

    def text_table(
        self, network: GroundingNetwork, data: TrainingData, sampling: Any, seed: int
    ) -> Tensor:
        """The text table (A, text dim) that a network is trained with, encoded or learned."""
        affordances, learn = self.labelled(data.split), self.learner(network.config)
        if learn is None:
            return self.text_features(network, data.text, affordances)
        return learn(network, data, sampling, affordances, seed)


def all_affordances(split: Split) -> tuple[str, ...]:
    """AGD20K's 36 affordances, and then further ones of a split's train images."""
    return in_order((*AFFORDANCES, *split.affordances))


def split_affordances(split: Split) -> tuple[str, ...]:
    """The affordances of a split's train images, and of its test images too, in AGD20K's order.

    On the Hard split some have test images only and are not trained, as published.
    """
    tested = {item.image.affordance for item in split.test}
    return in_order((*tested, *split.affordances))


def find_recipe(method: str) -> Recipe:
    """The recipe of a method; refuses unknown names."""
    recipe: Recipe = method_module(method, "recipe").RECIPE
    return recipe
