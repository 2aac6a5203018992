"""PLSP's stage B: train the refinement network, then write refined labels with it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from affordance_grasp.datasets.agd20k import ImageFile
from affordance_grasp.datasets.labels import refined_label_path
from affordance_grasp.datasets.stitching import squash
from affordance_grasp.encoders.tensor_files import read_tensors
from affordance_grasp.files import write_file
from affordance_grasp.image_files import read_color
from affordance_grasp.learning.labels.masking import Mask
from affordance_grasp.learning.labels.object_crops import ObjectMasks, pad_square
from affordance_grasp.learning.labels.pseudo_labels import save_mask
from affordance_grasp.learning.labels.refine_config import RefineConfig
from affordance_grasp.learning.labels.refiner_samples import RefinerSamples
from affordance_grasp.learning.labels.segments import Segmenter, snap_in_boxes
from affordance_grasp.learning.training.loop import draw_epoch
from affordance_grasp.learning.training.optimizers import load_optimizer
from affordance_grasp.learning.training.run_folder import RunFolder
from affordance_grasp.methods.checkpoint import head_tensors, load_head
from affordance_grasp.methods.plsp.refiner import Refiner
from affordance_grasp.methods.plsp.samples import PairTexts
from affordance_grasp.methods.recipe import Draws


def checkpoint_path(run: RunFolder, epoch: int) -> Path:
    """The refinement network after an epoch, counted from 1."""
    return run.path / f"epoch-{epoch:03d}.safetensors"


def train_refiner(
    network: Refiner,
    samples: RefinerSamples,
    config: RefineConfig,
    run: RunFolder,
    *,
    progress: Callable[..., Any] = lambda items, **_: items,
) -> list[dict[str, float]]:
    """Train from the run's saved state, or from the network as given; the mean losses by epoch.

    Every epoch draws its randomness from the seed and its own number, so a run that was killed
    and resumed ends with the identical network. The published batch of 1, accumulated 20 times,
    is one batch of 20: nothing in the network depends on the rest of a batch.
    """
    groups = network.parameter_groups(config.optimizer.learning_rate)
    optimizer = config.optimizer.build(groups)
    rows: list[dict[str, float]] = []
    state = run.load_state()
    if state is not None:
        with run.reading_state():
            load_head(network, state["network"], f"training state {run.state}")
            load_optimizer(optimizer, state["optimizer"])
            rows = list(state["rows"])
    for epoch in progress(range(len(rows), config.epochs), desc="refinement", unit="epoch"):
        rows.append({"epoch": epoch + 1, **_pass(network, samples, config, optimizer, epoch)})
        if epoch + 1 in config.checkpoints:
            head = {name: t.cpu().contiguous() for name, t in head_tensors(network).items()}
            write_file(checkpoint_path(run, epoch + 1), save(head))
        run.write_curves(rows)
        state = {"network": head_tensors(network), "optimizer": optimizer.state_dict()}
        run.save_state({**state, "rows": rows})
    return rows


def load_epoch(network: Refiner, run: RunFolder, epoch: int) -> None:
    """Load the checkpoint that an epoch left."""
    path = checkpoint_path(run, epoch)
    load_head(network, read_tensors(path), f"checkpoint {path}")


@dataclass(frozen=True)
class RefinedCount:
    """Refined labels written; images that keep their initial label, as nothing was left."""

    written: int
    initial: int


@dataclass(frozen=True)
class LabelRefiner:
    """Refined labels of images: prediction, whole-object mask, segments.

    ``segmenter``: what the labels are snapped to, None to leave them as predicted.
    """

    network: Refiner
    masks: ObjectMasks
    texts: PairTexts
    segmenter: Segmenter | None
    threshold: float

    def __post_init__(self) -> None:
        """Labels are predicted in evaluation mode."""
        self.network.eval()

    def raw(self, image: ImageFile) -> Mask:
        """The network's mask (H, W), within the whole object's mask."""
        color = read_color(image.path)
        height, width = color.shape[:2]
        square, left, top = pad_square(color)
        pixels = squash(square, self.network.config.image_side) / np.float32(255)
        device = next(self.network.parameters()).device
        spec = self.network.present_backbone.spec
        batch = spec.normalise(torch.from_numpy(pixels).permute(2, 0, 1)[None].to(device))
        with torch.inference_mode():
            logits = self.network(batch, self.texts.parts([image]).to(device))
            probability = self.network.probability(logits, len(square))[0].cpu().numpy()
        sure = probability[top : top + height, left : left + width] > self.threshold
        return np.asarray(sure & self.masks.read(image, "ego"))

    def refined(self, image: ImageFile) -> Mask:
        """The refined label (H, W); empty where nothing is left of it."""
        raw = self.raw(image)
        found = self.masks.detections(image, "ego")
        if self.segmenter is None or found is None:
            return raw
        boxes = found.kept().boxes
        return snap_in_boxes(raw, read_color(image.path), boxes, self.segmenter)

    def write(self, images: Sequence[ImageFile]) -> RefinedCount:
        """Write the label of every image, or remove an older one where nothing is left."""
        tally: Counter[bool] = Counter()
        for image in images:
            label, path = self.refined(image), refined_label_path(self.masks.split, image)
            tally[bool(label.any())] += 1
            if label.any():
                save_mask(path, label)
            else:
                path.unlink(missing_ok=True)
        return RefinedCount(tally[True], tally[False])


def _pass(
    network: Refiner,
    samples: RefinerSamples,
    config: RefineConfig,
    optimizer: torch.optim.Optimizer,
    epoch: int,
) -> dict[str, float]:
    """Mean of every loss term over the batches of an epoch."""
    network.train()
    device = next(network.parameters()).device
    draws = Draws(config.seed, epoch)
    sums: dict[str, float] = {}
    for chosen in draw_epoch(len(samples), config.batch, draws):
        terms = network.loss(samples.batch(chosen, draws).to(device), epoch)
        optimizer.zero_grad()
        terms["total"].backward()
        optimizer.step()
        for name, value in terms.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach()) * len(chosen)
    return {f"loss_{name}": total / len(samples) for name, total in sums.items()}
