"""A training run from images to checkpoints, the same for every method."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from affordance_grasp.configuration.settings import record
from affordance_grasp.datasets.agd20k import Split
from affordance_grasp.datasets.detections import RecordedDetector
from affordance_grasp.datasets.features import CachedFeatures, FeatureCache
from affordance_grasp.datasets.images import (
    FreshViews,
    ViewedImages,
    ViewSource,
    frozen_encoder,
    views_for_test,
    views_for_training,
)
from affordance_grasp.encoders.backbones import Backbone
from affordance_grasp.encoders.text import TextEncoder
from affordance_grasp.learning.evaluation.evaluate import Evaluation, TestTruth, predict_maps
from affordance_grasp.learning.flags import Computing
from affordance_grasp.learning.training.computing import Machine
from affordance_grasp.learning.training.contact_sheet import contact_sheet, first_of_every_pair
from affordance_grasp.learning.training.loop import Hooks, Outcome, train
from affordance_grasp.learning.training.run_folder import RunFolder, surroundings
from affordance_grasp.learning.training.start import Start, start_from
from affordance_grasp.learning.training.train_config import TrainConfig
from affordance_grasp.methods.checkpoint import CheckpointInfo, save_checkpoint
from affordance_grasp.methods.network import GroundingNetwork
from affordance_grasp.methods.recipe import Recipe, TrainingData
from affordance_grasp.report.figures import write_png


@dataclass(frozen=True)
class Resources:
    """The split, the pretrained backbone, and all else that a training run needs.

    ``detector`` (boxes of parts and objects) and ``text``: None where the method needs none.
    ``cache``: folder for features. ``bfloat16``: how they are computed. ``protocol``: in which
    test maps are scored every epoch. ``machine``: where the network computes, and how.
    ``start``: weights to start from. ``command``: how the run was started, recorded in its
    checkpoints.
    """

    split: Split
    backbone: Backbone
    cache: Path
    detector: RecordedDetector | None = None
    text: TextEncoder | None = None
    bfloat16: bool = False
    protocol: str = "reference"
    machine: Machine = Machine()
    start: Start = Start()
    command: str = ""

    @property
    def device(self) -> str:
        """The network's device."""
        return self.machine.device


def train_method(
    resources: Resources,
    config: TrainConfig,
    run: RunFolder,
    *,
    resume: bool = False,
    minutes: float | None = None,
    progress: Callable[..., Any] | None = None,
    watch: Callable[[Mapping[str, float]], None] | None = None,
) -> Outcome:
    """Train ``config.method``; checkpoints, curves and state go to the run's folder.

    ``watch``: see :class:`~affordance_grasp.learning.training.loop.Hooks`.
    """
    split, recipe = resources.split, config.recipe
    recipe.check(split, config.sampling)
    labelled = recipe.labelled(split)
    torch.manual_seed(config.seed)
    network = config.make_network(len(labelled), resources.backbone)
    encoder_name = resources.text.name if resources.text else "none"
    digests = start_from(network, resources.start, labelled, encoder_name)
    network = network.to(resources.device)
    machine = resources.machine
    if machine.group.first:
        run.start({**_description(resources, config), "start": digests or None}, resume)
    with machine.group.first_alone():  # the others find its features in the cache
        encoder = frozen_encoder(network, resources.device)
        cache = FeatureCache(resources.cache, encoder, resources.bfloat16, progress)
        views_of = cache.features if config.cached else partial(FreshViews, encoder=encoder)
        data = _training_data(resources, config.views, cache, views_of)
        text = recipe.text_table(network, data, config.sampling, config.seed)
        network.compare_with(text[[name in split.affordances for name in labelled]])
        samples = recipe.samples(data, config.sampling, text)
        shown = views_of(_judged(split, config.views.plain))
    hooks = Hooks(
        _scoring(resources, shown, labelled, text) if split.test else None,
        _saving(resources, recipe, labelled, text, len(samples)),
        progress,
        watch,
    )
    outcome = train(network, samples, config, run, hooks, minutes=minutes, machine=machine)
    if not split.test and machine.group.first:
        chosen = first_of_every_pair(split.train_ego)
        network.eval()
        maps = predict_maps(network, shown, chosen, labelled, text, device=resources.device)
        write_png(run.sheet, contact_sheet(chosen, maps))
    return outcome


def _judged(split: Split, plain: Any) -> ViewedImages:
    """The test images, or those of the contact sheet where there are none."""
    if split.test:
        return views_for_test(split, plain)
    chosen = first_of_every_pair(split.train_ego)
    return ViewedImages("sheet", split, chosen, lambda *_: (plain,))


def _training_data(
    resources: Resources,
    plan: Any,
    cache: FeatureCache,
    views_of: Callable[[ViewedImages], ViewSource],
) -> TrainingData:
    """The train images in the views of a plan: cached features, or new views at every step."""
    viewed = views_for_training(resources.split, plan)
    ego, exo = map(views_of, viewed)

    def features() -> tuple[CachedFeatures, CachedFeatures]:
        if isinstance(ego, CachedFeatures) and isinstance(exo, CachedFeatures):
            return ego, exo
        plain_ego, plain_exo = (cache.features(images.in_view(plan.plain)) for images in viewed)
        return plain_ego, plain_exo

    split, detector, text = resources.split, resources.detector, resources.text
    return TrainingData(split, plan, ego, exo, features, detector, text)


def _scoring(
    resources: Resources, images: ViewSource, labelled: tuple[str, ...], text: Tensor
) -> Callable[[GroundingNetwork], Evaluation]:
    items = resources.split.test
    truth = TestTruth(items, resources.protocol)

    def evaluate(network: GroundingNetwork) -> Evaluation:
        asked = [item.image for item in items]
        maps = predict_maps(network, images, asked, labelled, text, device=resources.device)
        return truth.evaluate(maps)

    return evaluate


def _saving(
    resources: Resources, recipe: Recipe, labelled: tuple[str, ...], text: Tensor, samples: int
) -> Callable[[GroundingNetwork, Path, Mapping[str, Any]], None]:
    """Checkpoints name what was trained: all labelled affordances where a label is a channel."""
    trained = [i for i, name in enumerate(labelled) if name in resources.split.affordances]

    def save(network: GroundingNetwork, path: Path, training: Mapping[str, Any]) -> None:
        rows = trained if recipe.fixed_labels else list(range(len(labelled)))
        info = CheckpointInfo(
            method=network.name,
            config=asdict(network.config),  # type: ignore[call-overload]
            backbone=resources.backbone.spec.name,
            backbone_sha256=resources.backbone.sha256,
            affordances=tuple(labelled[i] for i in rows),
            text_encoder=resources.text.name if resources.text else "none",
            phrases=resources.split.phrases,
            training={
                **training,
                "command": resources.command,
                "split": resources.split.name,
                "samples": samples,
                "protocol": resources.protocol,
                **surroundings(),
            },
        )
        save_checkpoint(path, network, info, text[rows])

    return save


def _description(resources: Resources, config: TrainConfig) -> dict[str, Any]:
    computing = resources.machine.computing
    return {
        "config": config.to_dict(),
        "split": resources.split.name,
        "data": str(resources.split.folder.resolve()),
        "backbone_sha256": resources.backbone.sha256,
        "bfloat16_tokens": resources.bfloat16,
        "protocol": resources.protocol,
        "command": resources.command,
        "computing": None if computing == Computing() else record(computing),
    }
