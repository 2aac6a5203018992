"""What a training run of PLSP is made of: tokens, texts, samples, network, evaluation."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affordance_grasp.grounding.checkpoint import CheckpointInfo, save_checkpoint
from affordance_grasp.grounding.methods import make_network
from affordance_grasp.grounding.text import TextEncoder, affordance_sentence
from affordance_grasp.learning.agd20k import Split
from affordance_grasp.learning.detections import RecordedDetector
from affordance_grasp.learning.evaluate import Evaluation, TestTruth, predict_maps
from affordance_grasp.learning.features import Encoder, Encoding, FeatureSet, cache_features
from affordance_grasp.learning.plsp_samples import PairTexts, PlspSamples
from affordance_grasp.learning.run_folder import RunFolder, surroundings
from affordance_grasp.learning.train import Hooks, Outcome, train
from affordance_grasp.learning.train_config import TrainConfig


@dataclass(frozen=True)
class Sources:
    """What a run reads: the split, its part boxes, a frozen encoder and a text encoder.

    ``cache``: folder for tokens. ``protocol``: in which test maps are scored every epoch.
    ``command``: how the run was started, kept in its checkpoints.
    """

    split: Split
    detector: RecordedDetector
    encoder: Encoder
    text: TextEncoder
    cache: Path
    encoding: Encoding = Encoding()
    protocol: str = "reference"
    command: str = ""


def train_plsp(
    sources: Sources,
    config: TrainConfig,
    run: RunFolder,
    *,
    resume: bool = False,
    minutes: float | None = None,
    progress: Callable[..., Any] | None = None,
) -> Outcome:
    """Cache the tokens, then train; checkpoints, curves and state go to the run's folder."""
    run.start(_description(sources, config), resume)
    features = cache_features(
        sources.split,
        sources.encoder,
        config.views,
        sources.cache,
        encoding=sources.encoding,
        progress=progress,
    )
    texts = PairTexts(sources.text, sources.split, sources.detector.prompt)
    samples = PlspSamples(sources.split, features, sources.detector, texts, config.sampling)
    torch.manual_seed(config.seed)
    network = make_network(config.method, config.network)
    hooks = _hooks(sources, features, len(samples), progress)
    return train(network, samples, config, run, hooks, minutes=minutes)


def affordance_table(encoder: TextEncoder, affordances: tuple[str, ...]) -> Tensor:
    """Text features (A, text dim) of affordances, in their order."""
    return encoder.encode([affordance_sentence(affordance) for affordance in affordances])


def _hooks(
    sources: Sources, features: FeatureSet, samples: int, progress: Callable[..., Any] | None
) -> Hooks:
    split = sources.split
    tested = {item.picture.affordance for item in split.test}
    known = split.affordances + tuple(sorted(tested - set(split.affordances)))
    features_of = dict(zip(known, affordance_table(sources.text, known), strict=True))
    table = torch.stack([features_of[affordance] for affordance in split.affordances])
    truth = TestTruth(split.test, sources.protocol)

    def evaluate(network: nn.Module) -> Evaluation:
        maps: Any = network
        return truth.evaluate(predict_maps(maps, features.test, split.test, features_of))

    def save(network: nn.Module, path: Path, training: Mapping[str, Any]) -> None:
        about = {
            **training,
            "command": sources.command,
            "split": split.name,
            "samples": samples,
            "protocol": sources.protocol,
            **surroundings(),
        }
        save_checkpoint(path, network, _info(sources, network, about), table)

    return Hooks(evaluate, save, progress)


def _info(sources: Sources, network: Any, training: Mapping[str, Any]) -> CheckpointInfo:
    return CheckpointInfo(
        method=network.name,
        config=asdict(network.config),
        backbone=sources.encoder.spec.name,
        backbone_sha256=sources.encoder.sha256,
        affordances=sources.split.affordances,
        text_encoder=sources.text.name,
        training=training,
    )


def _description(sources: Sources, config: TrainConfig) -> dict[str, Any]:
    return {
        "config": config.to_dict(),
        "split": sources.split.name,
        "data": str(sources.split.folder.resolve()),
        "backbone_sha256": sources.encoder.sha256,
        "bfloat16_tokens": sources.encoding.bfloat16,
        "protocol": sources.protocol,
        "command": sources.command,
    }
