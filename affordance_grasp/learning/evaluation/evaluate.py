"""Evaluation in two steps: export a raw map per test item, then score the exported maps."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affordance_grasp.array_files import parse_array
from affordance_grasp.configuration.documents import read_json
from affordance_grasp.datasets.agd20k import (
    ImageFile,
    Split,
    TestItem,
    content_digest,
    grouped,
)
from affordance_grasp.datasets.images import ViewSource
from affordance_grasp.errors import InvalidInput, writing
from affordance_grasp.files import read_bytes, write_json
from affordance_grasp.image_files import read_gray
from affordance_grasp.learning.evaluation.metrics import (
    MAP_SIDE,
    Scores,
    ground_truth_map,
    predicted_map,
    resize_map,
    score,
)
from affordance_grasp.learning.evaluation.part_scores import (
    PartScores,
    object_mask,
    score_parts,
)
from affordance_grasp.methods.network import GroundingNetwork
from affordance_grasp.query.vocabulary import in_order

INDEX_FILE = "maps.json"
MAPS_FILE = "maps.npy"
MAX_MAPS_BYTES = 2**30
SCORED_AT_ONCE = 64  # bounds the memory of the float64 maps
CENTRE_SPREAD = 0.25
PROBABILITY_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Evaluation:
    """Scores of a set of maps in one protocol.

    ``table``: affordance -> kld, sim, nss, maps, undefined, and masked_peak and auc_in_object
    where masks of objects are known; the row ``all`` is the mean over maps, as published, not
    over affordances.
    """

    protocol: str
    table: Mapping[str, Mapping[str, float]]

    @property
    def overall(self) -> Mapping[str, float]:
        """The row of all maps."""
        return self.table["all"]


class TestTruth:
    """Ground truth of the test items at 224x224, read once for many evaluations."""

    __test__ = False

    def __init__(self, items: Sequence[TestItem], protocol: str) -> None:
        """Read every ground truth image of ``items`` for one protocol."""
        self.protocol = protocol
        self.affordances = np.array([item.image.affordance for item in items])
        self.maps = np.stack([ground_truth_map(read_gray(i.truth), protocol) for i in items])
        masks = [item.object_mask for item in items]
        self.objects = [None if path is None else object_mask(read_gray(path)) for path in masks]

    def evaluate(self, raw_maps: Iterable[NDArray[np.float32]]) -> Evaluation:
        """Score raw maps, in the order of the items; undefined figures are counted."""
        prepare = predicted_map if self.protocol == "reference" else as_probability
        raw = iter(raw_maps)
        scored, on_parts = [], []
        for start in range(0, len(self.maps), SCORED_AT_ONCE):
            chosen = slice(start, start + SCORED_AT_ONCE)
            truth = self.maps[chosen]
            predicted = np.stack([prepare(values) for values in islice(raw, len(truth))])
            scored.append(score(predicted, truth, self.protocol))
            on_parts.append(score_parts(predicted, truth, self.objects[chosen]))
        scores = Scores.joined(scored), PartScores.joined(on_parts)
        return Evaluation(self.protocol, _table(*scores, self.affordances))


def as_probability(raw: NDArray[np.float32]) -> NDArray[np.float32]:
    """A raw map (h, w) as PLSP's protocol takes it: 224x224, non-negative.

    Probability maps, which sum to 1, are enlarged where they are smaller; a signed activation is
    min-max normalised.
    """
    if raw.min() >= 0 and abs(float(raw.sum(dtype=np.float64)) - 1) < PROBABILITY_TOLERANCE:
        return np.asarray(resize_map(raw), np.float32)
    return predicted_map(raw)


@torch.inference_mode()
def predict_maps(
    network: GroundingNetwork,
    images: ViewSource,
    asked: Sequence[ImageFile],
    affordances: Sequence[str],
    text: Tensor,
    *,
    device: str = "cpu",
) -> list[NDArray[np.float32]]:
    """Raw maps of images, each for its own affordance; all queries on one image share its tokens.

    ``images``: every image in its one view. ``affordances``: what labels count, with
    their rows ``text`` (A, text dim).
    """
    place = {name: i for i, name in enumerate(affordances)}
    unused = np.random.default_rng(0)  # a test image has one view, there is nothing to draw
    found: dict[ImageFile, NDArray[np.float32]] = {}
    for alike in grouped(asked, content_digest).values():
        (view,) = images.views_of(alike[0].path, unused)
        image = torch.from_numpy(images.read(alike[0].path, view))[None].to(device)
        rows = torch.tensor([place[copy.affordance] for copy in alike])
        maps = network.maps(network.tokens(image), text[rows].to(device), rows.to(device))
        found.update(zip(alike, maps.float().cpu().numpy(), strict=True))
    return [found[image] for image in asked]


def export_maps(
    folder: Path, split: Split, maps: Sequence[NDArray[np.float32]], about: Mapping[str, object]
) -> None:
    """Step one: write the maps (N, h, w) and an index of their images and affordances."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / MAPS_FILE, np.stack(maps).astype(np.float32))
    index = {
        "about": dict(about),
        "split": split.name,
        "items": [item.image.name for item in split.test],
    }
    write_json(folder / INDEX_FILE, index)


def score_exported(folder: Path, split: Split, protocol: str) -> Evaluation:
    """Step two: score the maps in ``folder``; refuses maps of other test items."""
    return TestTruth(split.test, protocol).evaluate(exported_maps(folder, split))


def exported_maps(folder: Path, split: Split) -> NDArray[np.float32]:
    """The maps (N, h, w) that were exported for the split's test items."""
    try:
        index = read_json(folder / INDEX_FILE, "index")
        encoded = read_bytes(folder / MAPS_FILE, "maps", MAX_MAPS_BYTES)
        maps = parse_array(encoded, "maps")
        items, name = list(index["items"]), str(index["split"])
    except (InvalidInput, KeyError, TypeError) as error:
        reason = str(error) or type(error).__name__
        raise InvalidInput(f"no readable exported maps in {folder}: {reason}") from error
    if items != [item.image.name for item in split.test]:
        raise InvalidInput(
            f"the maps in {folder} belong to other test items ({name}, "
            f"{len(items)} maps) than {split.name} below {split.folder}; export again"
        )
    if maps.ndim != 3 or len(maps) != len(items) or not maps.size or maps.dtype != np.float32:
        raise InvalidInput(
            f"{folder / MAPS_FILE} holds {maps.dtype} {maps.shape} instead of float32 "
            f"({len(items)}, h, w); export again"
        )
    return maps


def uniform_map() -> NDArray[np.float32]:
    """Every pixel equally likely; one pixel differs by little, so that NSS is defined."""
    values = np.ones((MAP_SIDE, MAP_SIDE), np.float32)
    values[0, 0] = np.float32(1 - 1e-3)
    return values


def centred_gaussian() -> NDArray[np.float32]:
    """A Gaussian in the middle of the image, standard deviation a quarter of its side."""
    steps = (np.arange(MAP_SIDE) + 0.5) / MAP_SIDE - 0.5
    along = np.exp(-(steps**2) / (2 * CENTRE_SPREAD**2))
    return np.outer(along, along).astype(np.float32)


BASELINES = {"uniform": uniform_map, "centred Gaussian": centred_gaussian}
"""Maps that do not depend on the image."""


def baselines(
    items: Sequence[TestItem], protocol: str, saliency: Sequence[NDArray[np.float32]] | None = None
) -> dict[str, Evaluation]:
    """Scores of maps that do not depend on the affordance.

    ``saliency``: the frozen backbone's saliency of every test image, where it has one.
    """
    truth = TestTruth(items, protocol)
    scored = {name: truth.evaluate([make()] * len(items)) for name, make in BASELINES.items()}
    if saliency is not None:
        scored["DINO saliency"] = truth.evaluate(saliency)
    return scored


def write_table(path: Path, evaluation: Evaluation) -> None:
    """The per-affordance table as CSV."""
    with writing(path), path.open("w", newline="") as file:
        writer = csv.writer(file)
        columns = list(evaluation.overall)
        writer.writerow(["affordance", *columns])
        for name, row in evaluation.table.items():
            figures = [row.get(column, "") for column in columns]
            writer.writerow([name, *(f"{x:.4f}" if isinstance(x, float) else x for x in figures)])


def _table(
    scores: Scores, parts: PartScores, affordances: NDArray[np.str_]
) -> dict[str, dict[str, float]]:
    present = {name: affordances == name for name in in_order(affordances.tolist())}
    return {
        "all": {**scores.mean(), **parts.mean()},
        **{n: {**scores.subset(c).mean(), **parts.subset(c).mean()} for n, c in present.items()},
    }
