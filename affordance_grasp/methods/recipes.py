"""How each method is trained: its views, its samples, its texts. One entry per method."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affordance_grasp.datasets.agd20k import Split
from affordance_grasp.datasets.crops import CropPlan
from affordance_grasp.datasets.features import (
    FeatureSet,
    Progress,
    cache_features,
    cache_plain_features,
)
from affordance_grasp.datasets.images import Reader, ViewSource, fresh_views
from affordance_grasp.datasets.views import ViewPlan
from affordance_grasp.encoders.text import TextEncoder, affordance_sentence
from affordance_grasp.errors import InvalidInput
from affordance_grasp.learning.training.sources import Sources
from affordance_grasp.methods.network import GroundingNetwork, NetworkConfig
from affordance_grasp.methods.plsp.samples import (
    ExoPool,
    PairTexts,
    PlspSamples,
    SamplingConfig,
)
from affordance_grasp.methods.selectivecl.affinity import prompt_table
from affordance_grasp.methods.selectivecl.class_directions import class_directions
from affordance_grasp.methods.selectivecl.config import SelectiveClConfig
from affordance_grasp.methods.selectivecl.network import SelectiveCl
from affordance_grasp.methods.shared.triplets import (
    LocateSamples,
    LocateSampling,
    SelectiveClSamples,
    triplets,
)
from affordance_grasp.vocabulary import AFFORDANCES


@dataclass(frozen=True)
class Inputs:
    """What samples are drawn from.

    ``reader``: the pretrained backbone. ``plan`` of views; ``ego`` and ``exo``: train pictures in
    these views. ``kept``: the features that ``ego`` and ``exo`` are, None where pictures are read
    anew.
    """

    sources: Sources
    reader: Reader
    plan: Any
    ego: ViewSource
    exo: ViewSource
    kept: FeatureSet | None
    progress: Progress | None = None


@dataclass(frozen=True)
class Recipe:
    """The parts of training that methods do not share.

    ``plan``: configuration of views; ``sampling``: of samples. ``samples`` draws batches from the
    inputs, the sampling and the text table. ``sentences``: the text rows of affordances.
    ``needs_boxes``: whether a detector's boxes of parts and objects are read. ``fixed_labels``:
    labels are places among all 36 affordances instead of places in the split's own list.
    """

    plan: Callable[..., Any]
    sampling: Callable[..., Any]
    samples: Callable[[Inputs, Any, Tensor], Any]
    sentences: Callable[[TextEncoder, Sequence[str]], Tensor]
    needs_boxes: bool = False
    fixed_labels: bool = False

    def labelled(self, split: Split) -> tuple[str, ...]:
        """The affordances that labels count.

        Those of the train pictures, and of test pictures too, in AGD20K's order: on the Hard
        split some classes have test pictures only and are never trained, as published.
        """
        if self.fixed_labels:
            return AFFORDANCES
        tested = {item.image.affordance for item in split.test}
        return tuple(a for a in AFFORDANCES if a in tested or a in split.affordances)


def affordance_table(encoder: TextEncoder, affordances: Sequence[str]) -> Tensor:
    """Text features (A, text dim) of affordances, in their order."""
    return encoder.encode([affordance_sentence(affordance) for affordance in affordances])


def _plsp_samples(inputs: Inputs, sampling: SamplingConfig, text: Tensor) -> PlspSamples:
    del text
    sources, plan = inputs.sources, inputs.plan
    if sources.detector is None or sources.text is None:
        raise InvalidInput("PLSP learns from boxes of parts and from texts; give both")
    split, detector = sources.split, sources.detector
    kept = inputs.kept or _plain_features(inputs)
    pool = ExoPool(split, kept.ego, kept.exo, detector, sampling.exo_pool)
    texts = PairTexts(sources.text, split, detector.prompt)
    return PlspSamples(
        split, inputs.ego, inputs.exo, pool, texts, squash=plan.squash, config=sampling
    )


def _plain_features(inputs: Inputs) -> FeatureSet:
    """What the pool of similar pictures is ranked by where no features are kept for training."""
    split, sources = inputs.sources.split, inputs.sources
    stores = [
        cache_plain_features(
            name,
            pictures,
            inputs.reader,
            inputs.plan.plain,
            sources.cache,
            encoding=sources.encoding,
            progress=inputs.progress,
        )
        for name, pictures in (("ego", split.train_ego), ("exo", split.train_exo))
    ]
    return FeatureSet(*stores)


def _looptrans_samples(inputs: Inputs, sampling: LocateSampling, text: Tensor) -> LocateSamples:
    del text
    split = inputs.sources.split
    affordances = RECIPES["looptrans"].labelled(split)
    return LocateSamples(triplets(split, sampling), inputs.ego, inputs.exo, affordances)


def _selectivecl_samples(
    inputs: Inputs, sampling: LocateSampling, text: Tensor
) -> SelectiveClSamples:
    split = inputs.sources.split
    affordances = RECIPES["selectivecl"].labelled(split)
    chosen = triplets(split, sampling)
    return SelectiveClSamples(chosen, inputs.ego, inputs.exo, affordances, text)


RECIPES = {
    "plsp": Recipe(
        ViewPlan,
        SamplingConfig,
        _plsp_samples,
        affordance_table,
        needs_boxes=True,
        fixed_labels=True,
    ),
    "looptrans": Recipe(CropPlan, LocateSampling, _looptrans_samples, affordance_table),
    "selectivecl": Recipe(CropPlan, LocateSampling, _selectivecl_samples, prompt_table),
}


def text_rows(
    network: GroundingNetwork, encoder: TextEncoder | None, affordances: Sequence[str]
) -> Tensor:
    """The text table (A, text dim) of a network; without columns where it reads no text."""
    width = network.config.text_dim
    if not width:
        return torch.empty(len(affordances), 0)
    if encoder is None:
        raise InvalidInput(f"{network.name} reads texts; name a text encoder")
    table = RECIPES[network.name].sentences(encoder, affordances)
    if table.shape[1] != width:
        raise InvalidInput(
            f"{network.name} is configured for text rows of {width} channels, text encoder "
            f"{encoder.name} gives {table.shape[1]}"
        )
    return table


def reads_prompts(config: NetworkConfig) -> bool:
    """Whether a text encoder is needed for a network's rows."""
    return config.text_dim > 0 and not (
        isinstance(config, SelectiveClConfig) and config.learns_rows
    )


def text_table(
    network: GroundingNetwork, inputs: Inputs, sampling: Any, affordances: Sequence[str], seed: int
) -> Tensor:
    """The rows (A, text dim) that a network is trained with: texts, or learned from pictures."""
    if not (isinstance(network, SelectiveCl) and network.config.learns_rows):
        return text_rows(network, inputs.sources.text, affordances)
    chosen = triplets(inputs.sources.split, sampling)
    rng = np.random.default_rng(seed)
    directions = [
        class_directions(
            network, [p for alike in kind.values() for p in alike], views, affordances, rng
        )
        for kind, views in ((chosen.ego, inputs.ego), (chosen.exo, inputs.exo))
    ]
    return torch.cat(directions, dim=1)


def open_inputs(
    sources: Sources,
    reader: Reader,
    plan: Any,
    *,
    cached: bool,
    progress: Progress | None = None,
) -> Inputs:
    """The train pictures: ``cached`` features of fixed views, or new views at every step."""
    split = sources.split
    if cached:
        kept = cache_features(
            split, reader, plan, sources.cache, encoding=sources.encoding, progress=progress
        )
        return Inputs(sources, reader, plan, kept.ego, kept.exo, kept, progress)
    ego = fresh_views(split, split.train_ego, plan.ego, reader.normalise)
    exo = fresh_views(split, split.train_exo, plan.exo, reader.normalise)
    return Inputs(sources, reader, plan, ego, exo, None, progress)
