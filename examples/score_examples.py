"""How well a few marked pictures of other objects of a class show where the part is.

    affordance-grasp dataset import umd UMD_i/dataset data
    python examples/score_examples.py data/UMD/testset --affordance hold --pictures 5

Every test image is grounded by pictures of its class that show other objects, drawn anew for each
seed; with --other by those of another class, which should be refused or score like chance.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from affordance_grasp.encoders.backbones import Backbone, load_backbone
from affordance_grasp.errors import NoMatch
from affordance_grasp.grounding.correspondence import BACKBONE, ExampleGrounder
from affordance_grasp.grounding.examples import Example
from affordance_grasp.image_files import read_color, read_gray
from affordance_grasp.learning.evaluation.metrics import ground_truth_map, predicted_map, score
from affordance_grasp.learning.evaluation.part_scores import object_mask, score_parts


class Remembering(Backbone):
    """A backbone that computes every image once: each is an example many times."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__(backbone.spec, backbone.image_side, backbone.sha256)
        self._backbone, self._known = backbone, {}

    def tokens(self, images: torch.Tensor) -> torch.Tensor:
        """See :meth:`Backbone.tokens`."""
        key = images.numpy().tobytes()
        if key not in self._known:
            self._known[key] = self._backbone.tokens(images)
        return self._known[key]


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("testset", type=Path)
    parser.add_argument("--affordance", default="hold")
    parser.add_argument("--pictures", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--other", action="store_true")
    return parser.parse_args()


def read(testset: Path, image: Path) -> tuple[Example, np.ndarray]:
    """An image as an example, and the mask of its object."""
    name = image.relative_to(testset / "egocentric").with_suffix(".png")
    truth = read_gray(testset / "GT" / name)
    example = Example(str(name), read_color(image), truth > truth.max() / 2)
    return example, object_mask(read_gray(testset / "whole_obj_mask" / name))


def main() -> None:
    """Score and print."""
    arguments = parse()
    folder = arguments.testset / "egocentric" / arguments.affordance
    images = sorted(folder.glob("*/*"))
    read_all = [read(arguments.testset, image) for image in images]
    kinds = [image.parent.name for image in images]
    objects = [image.stem.rpartition("_")[0] for image in images]
    backbone = Remembering(load_backbone(BACKBONE))
    maps, truths, masks, found = [], [], [], []
    for seed in range(arguments.seeds):
        rng = np.random.default_rng(seed)
        for i, (test, mask) in enumerate(read_all):
            others = sorted(set(kinds) - {kinds[i]})
            kind = rng.choice(others) if arguments.other else kinds[i]
            pool = [j for j, k in enumerate(kinds) if k == kind and objects[j] != objects[i]]
            if not pool:
                continue
            chosen = rng.choice(pool, min(arguments.pictures, len(pool)), replace=False)
            grounder = ExampleGrounder([read_all[j][0] for j in chosen], folder, backbone)
            try:
                maps.append(predicted_map(grounder.ground(test.color, "it").values))
            except NoMatch:
                maps.append(np.zeros((224, 224), np.float32))
            truths.append(ground_truth_map(test.part.astype(np.uint8) * 255))
            masks.append(mask)
            found.append((kinds[i], bool(maps[-1].any())))
    report(np.stack(maps), np.stack(truths), masks, found)


def report(
    maps: np.ndarray, truths: np.ndarray, masks: list[np.ndarray], found: list[tuple[str, bool]]
) -> None:
    """Refused images count as misses; the other figures are over those that were grounded."""
    parts, hit = score_parts(maps, truths, masks), np.array([ok for _, ok in found])
    peak = np.where(hit, parts.peak, 0.0)
    means = score(maps[hit], truths[hit], "reference").mean()
    print(
        f"{len(maps)} images, {np.mean(~hit):.0%} refused; masked peak {peak.mean():.1%}", end=""
    )
    print(
        f", AUC {np.nanmean(parts.auc[hit]):.2f}, KLD {means['kld']:.2f}, NSS {means['nss']:.2f}"
    )
    table = defaultdict(list)
    for (kind, _), value in zip(found, peak, strict=True):
        table[kind].append(value)
    print(", ".join(f"{kind} {sum(v):.0f}/{len(v)}" for kind, v in sorted(table.items())))


if __name__ == "__main__":
    main()
