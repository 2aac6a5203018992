"""A training run from images to checkpoints, the same for every method."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from affordance_grasp.datasets.features import evaluation_views
from affordance_grasp.datasets.images import ViewSource, reader_of
from affordance_grasp.learning.evaluation.evaluate import Evaluation, TestTruth, predict_maps
from affordance_grasp.learning.training.loop import Hooks, Outcome, train
from affordance_grasp.learning.training.run_folder import RunFolder, surroundings
from affordance_grasp.learning.training.sources import Sources, open_data
from affordance_grasp.learning.training.train_config import TrainConfig
from affordance_grasp.methods.checkpoint import CheckpointInfo, save_checkpoint
from affordance_grasp.methods.method import make_network
from affordance_grasp.methods.network import GroundingNetwork
from affordance_grasp.methods.recipe import find_recipe


def train_method(
    sources: Sources,
    config: TrainConfig,
    run: RunFolder,
    *,
    resume: bool = False,
    minutes: float | None = None,
    progress: Callable[..., Any] | None = None,
) -> Outcome:
    """Train ``config.method``; checkpoints, curves and state go to the run's folder."""
    run.start(_description(sources, config), resume)
    recipe = find_recipe(config.method)
    labelled = recipe.labelled(sources.split)
    torch.manual_seed(config.seed)
    fields = {**config.network, "classes": len(labelled)}
    network = make_network(config.method, fields, sources.backbone).to(sources.device)
    reader = reader_of(network, sources.device)
    data = open_data(sources, reader, config.views, cached=config.cached, progress=progress)
    text = recipe.text_table(network, data, config.sampling, config.seed)
    samples = recipe.samples(data, config.sampling, text)
    images = evaluation_views(
        sources.split,
        reader,
        config.views.plain,
        sources.cache,
        cached=config.cached,
        encoding=sources.encoding,
        progress=progress,
    )
    hooks = Hooks(
        _scoring(sources, images, labelled, text),
        _saving(sources, labelled, text, len(samples)),
        progress,
    )
    return train(network, samples, config, run, hooks, minutes=minutes, device=sources.device)


def _scoring(
    sources: Sources, images: ViewSource, labelled: tuple[str, ...], text: Tensor
) -> Callable[[GroundingNetwork], Evaluation]:
    items = sources.split.test
    truth = TestTruth(items, sources.protocol)

    def evaluate(network: GroundingNetwork) -> Evaluation:
        maps = predict_maps(network, images, items, labelled, text, device=sources.device)
        return truth.evaluate(maps)

    return evaluate


def _saving(
    sources: Sources, labelled: tuple[str, ...], text: Tensor, samples: int
) -> Callable[[GroundingNetwork, Path, Mapping[str, Any]], None]:
    """Checkpoints name what was trained: all labelled affordances where a label is a channel."""
    kept = [i for i, name in enumerate(labelled) if name in sources.split.affordances]

    def save(network: GroundingNetwork, path: Path, training: Mapping[str, Any]) -> None:
        rows = kept if find_recipe(network.name).fixed_labels else list(range(len(labelled)))
        info = CheckpointInfo(
            method=network.name,
            config=asdict(network.config),  # type: ignore[call-overload]
            backbone=sources.backbone.spec.name,
            backbone_sha256=sources.backbone.sha256,
            affordances=tuple(labelled[i] for i in rows),
            text_encoder=sources.text.name if sources.text else "none",
            training={
                **training,
                "command": sources.command,
                "split": sources.split.name,
                "samples": samples,
                "protocol": sources.protocol,
                **surroundings(),
            },
        )
        save_checkpoint(path, network, info, text[rows])

    return save


def _description(sources: Sources, config: TrainConfig) -> dict[str, Any]:
    return {
        "config": config.to_dict(),
        "split": sources.split.name,
        "data": str(sources.split.folder.resolve()),
        "backbone_sha256": sources.backbone.sha256,
        "bfloat16_tokens": sources.encoding.bfloat16,
        "protocol": sources.protocol,
        "command": sources.command,
    }
