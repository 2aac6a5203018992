"""Training steps on images read and augmented anew, beside steps on pixels that are in memory."""

import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from affordance_grasp.datasets.agd20k import ImageFile, Split
from affordance_grasp.datasets.crops import CropPlan
from affordance_grasp.datasets.images import FreshViews, frozen_encoder, views_for_training
from affordance_grasp.learning.training.loading import BatchLoader
from affordance_grasp.methods.recipe import Draws, TrainingData, find_recipe
from affordance_grasp.methods.shared.samples import TripletSampling
from benchmark.contestant import ASKED, Contestant
from benchmark.rounds import Case, Outputs, Variant

STEPS = 6
WORKERS = 2
WIDTH, HEIGHT = 640, 480
"""Of the images; most of AGD20K's are no larger."""
FOLDER = tempfile.TemporaryDirectory(prefix="benchmark_")


def loading_case(
    name: str, method: str, contestant: Contestant, count: int, step: Callable[[Any], Outputs]
) -> Case:
    """``STEPS`` training steps of ``count`` samples; ``step`` does one on a batch.

    Nothing is read before the first of them begins.
    """
    split = write_images(Path(FOLDER.name), STEPS * count)
    encoder = frozen_encoder(contestant.network)
    ego, exo = (
        FreshViews(viewed, encoder)
        for viewed in views_for_training(split, CropPlan(side=encoder.side))
    )
    data = TrainingData(split, None, ego, exo, lambda: None)  # type: ignore[arg-type,return-value]
    samples = find_recipe(method).samples(data, TripletSampling(), contestant.text)
    chosen = [range(i, i + count) for i in range(0, STEPS * count, count)]
    loaders = {n: BatchLoader(samples, n, pinned=False) for n in (0, WORKERS)}
    ready = list(loaders[0].batches(Draws(0, 0), chosen))

    def fresh(workers: int) -> Outputs:
        return _steps(loaders[workers].batches(Draws(0, 0), chosen), step)

    variants = {
        "pixels in memory": Variant(partial(_steps, ready, step), None),
        f"{WORKERS} workers": Variant(partial(fresh, WORKERS), None),
        "no worker": Variant(partial(fresh, 0), None),
    }
    return Case(name, STEPS * count, STEPS * count * contestant.images, variants)


def write_images(folder: Path, count: int) -> Split:
    """A split of smooth random JPEG images: as many exocentric as egocentric ones."""
    rng = np.random.default_rng(0)

    def images(kind: str) -> tuple[ImageFile, ...]:
        files = []
        for number in range(count):
            path = folder / kind / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            coarse = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((WIDTH, HEIGHT)).save(path, quality=90)
            files.append(ImageFile(ASKED[number % len(ASKED)], "thing", path))
        return tuple(files)

    return Split("Seen", folder, images("ego"), images("exo"), test=())


def _steps(batches: Iterable[Any], step: Callable[[Any], Outputs]) -> Outputs:
    outputs: Outputs = {}
    for batch in batches:
        outputs = step(batch)
    return outputs
