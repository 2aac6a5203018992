"""What a training run reads beside its configuration, and the images that it draws from."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from affordance_grasp.datasets.agd20k import Split
from affordance_grasp.datasets.detections import Detector
from affordance_grasp.datasets.features import (
    Encoding,
    FeatureSet,
    Progress,
    cache_features,
    cache_plain_features,
)
from affordance_grasp.datasets.images import Reader, fresh_views
from affordance_grasp.encoders.backbones import Backbone
from affordance_grasp.encoders.text import TextEncoder
from affordance_grasp.methods.recipe import TrainingData


@dataclass(frozen=True)
class Sources:
    """The split, the pretrained backbone, and what else the method reads.

    ``detector`` (boxes of parts and objects) and ``text``: None where the method needs none.
    ``cache``: folder for features. ``encoding``: how they are computed. ``protocol``: in which
    test maps are scored every epoch. ``device``: of the network. ``command``: how the run was
    started, kept in its checkpoints.
    """

    split: Split
    backbone: Backbone
    cache: Path
    detector: Detector | None = None
    text: TextEncoder | None = None
    encoding: Encoding = Encoding()
    protocol: str = "reference"
    device: str = "cpu"
    command: str = ""


def open_data(
    sources: Sources, reader: Reader, plan: Any, *, cached: bool, progress: Progress | None = None
) -> TrainingData:
    """The train images: ``cached`` features of fixed views, or new views at every step."""
    split, more = sources.split, (sources.detector, sources.text)
    if cached:
        kept = cache_features(
            split, reader, plan, sources.cache, encoding=sources.encoding, progress=progress
        )
        return TrainingData(split, plan, kept.ego, kept.exo, lambda: kept, *more)
    ego = fresh_views(split, split.train_ego, plan.ego, reader.normalise)
    exo = fresh_views(split, split.train_exo, plan.exo, reader.normalise)
    plain = partial(_plain_features, sources, reader, plan, progress)
    return TrainingData(split, plan, ego, exo, plain, *more)


def _plain_features(
    sources: Sources, reader: Reader, plan: Any, progress: Progress | None
) -> FeatureSet:
    """Features of the train images as a test image is seen."""
    split = sources.split
    stores = [
        cache_plain_features(
            name,
            images,
            reader,
            plan.plain,
            sources.cache,
            encoding=sources.encoding,
            progress=progress,
        )
        for name, images in (("ego", split.train_ego), ("exo", split.train_exo))
    ]
    return FeatureSet(*stores)
