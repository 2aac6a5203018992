"""The rendering jobs of the simulated affordance data set, which has AGD20K's layout.

There is one job per object instance. It is a pure function of the data set's seed and its own
description, so the result does not depend on the number of workers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from zlib import crc32

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from affordance_grasp.errors import InvalidInput
from affordance_grasp.query.vocabulary import AFFORDANCES
from affordance_grasp.simulation.dataset.config import PROCEDURAL, DatasetConfig
from affordance_grasp.simulation.dataset.detector import PixelBox, mask_box
from affordance_grasp.simulation.dataset.functional_parts import (
    FUNCTIONAL_PARTS,
    PartNames,
    affordances_of,
    functional_parts,
)
from affordance_grasp.simulation.dataset.masked_images import (
    MaskedImage,
    close_up,
    egocentric,
    exocentric,
)
from affordance_grasp.simulation.dataset.studio import surroundings
from affordance_grasp.simulation.objects import (
    EXO_SEED_START,
    FAMILIES,
    FIRST_FAMILIES,
    SEEDS_PER_DATASET,
    TEST_SEED_START,
    TRAIN_SEED_START,
    make_object,
)
from affordance_grasp.simulation.objects.imported import (
    imported_names,
    is_imported,
    label,
    read_card,
)

UNSEEN_FAMILIES = ("knife", "pan", "axe", "teapot", "fork")
"""Families of the Unseen test set; the Unseen training set holds none of them."""
UNSEEN_SPLIT_AFFORDANCES = tuple(
    name for name in FUNCTIONAL_PARTS if name not in ("brush_with", "lift", "stir")
)
"""Those of AGD20K's 25 Unseen affordances that the families serve."""

EGO_VIEWS, EXO_VIEWS, TEST_VIEWS = 3, 4, 2
ANNOTATED_POINTS = 40
SEEDS_PER_PAIR = 500
CLOSE_UPS, CLOSE_UP_START = 2, 100_000
"""Close-ups of every training image, at most, and where their numbers begin."""
SCAN_NUMBER_START, SCAN_NUMBERS = 1_000_000, 4_000
"""Where the numbers of images of imported objects begin, and how many each object has."""


class Kind(str, Enum):
    """The purpose of an image."""

    EGO = "ego"
    EXO = "exo"
    TEST = "test"


SEED_START = {Kind.EGO: TRAIN_SEED_START, Kind.EXO: EXO_SEED_START, Kind.TEST: TEST_SEED_START}


@dataclass(frozen=True)
class Job:
    """All images of one object instance: ``count`` from image ``number`` on.

    ``scan``: name of the imported object, where it is one.
    """

    kind: Kind
    family: str
    instance: int
    number: int
    count: int
    affordance: str = ""
    scan: str = ""

    @property
    def name(self) -> str:
        """As :func:`make_object` takes it: of the imported object, or of the family."""
        return self.scan or self.family


@dataclass(frozen=True)
class FiledImage:
    """Where an image is filed, and what it shows.

    ``affordances``: those under which it is filed, because it shows the parts that serve them.
    ``boxes`` are exact (left, top, right, bottom [px]) of visible parts and, under ``""``, of the
    whole object.
    """

    kind: Kind
    family: str
    affordances: tuple[str, ...]
    number: int
    size: tuple[int, int]
    boxes: dict[str, PixelBox]

    @property
    def stem(self) -> str:
        """File name without its ending, as AGD20K has it."""
        prefix = f"{self.affordances[0]}_" if self.kind is Kind.EXO else ""
        return f"{prefix}{self.family}_{self.number:06d}"


@dataclass(frozen=True)
class Record:
    """One finished image, encoded.

    Of test images only: ``heatmaps``, affordance -> 8-bit PNG, and ``whole``, the object's mask
    as PNG.
    """

    filed: FiledImage
    jpeg: bytes
    heatmaps: Mapping[str, bytes]
    whole: bytes = b""


def plan(config: DatasetConfig) -> list[Job]:
    """All jobs of a data set, in a fixed order."""
    procedural = _procedural(config) if PROCEDURAL in config.sources else []
    return procedural + _scanned(config)


def _procedural(config: DatasetConfig) -> list[Job]:
    jobs: list[Job] = []
    seen = "Seen" in config.splits
    for family in families_of(config):
        if seen or family not in UNSEEN_FAMILIES:
            jobs += _jobs(Kind.EGO, family, 0, config.ego_per_object, EGO_VIEWS)
        if seen or family in UNSEEN_FAMILIES:
            first = config.ego_per_object
            jobs += _jobs(Kind.TEST, family, first, config.test_per_object, TEST_VIEWS)
    for affordance, families in FUNCTIONAL_PARTS.items():
        for family in families:
            if affordance in served(config, family) and any(
                belongs(split, Kind.EXO, affordance, family) for split in config.splits
            ):
                count = config.exo_per_pair
                jobs += _jobs(Kind.EXO, family, 0, count, EXO_VIEWS, affordance=affordance)
    return jobs


def families_of(config: DatasetConfig) -> tuple[str, ...]:
    """The families of a data set."""
    return tuple(FAMILIES) if config.verbs == "all" else FIRST_FAMILIES


def served(config: DatasetConfig, name: str) -> tuple[str, ...]:
    """The affordances of a data set that a family, or an imported object, serves."""
    if config.verbs == "agd20k" and not (is_imported(name) or name in FIRST_FAMILIES):
        return ()
    return tuple(a for a in affordances_of(name) if config.verbs == "all" or a in AFFORDANCES)


def _scanned(config: DatasetConfig) -> list[Job]:
    """Of every imported object as many images as of a family; numbers above those of families."""
    jobs: list[Job] = []
    for i, name in enumerate(scans_of(config)):
        card, first = read_card(name), SCAN_NUMBER_START + i * SCAN_NUMBERS
        wanted = [(Kind.EGO, "", config.ego_per_object, EGO_VIEWS)]
        wanted += [(Kind.EXO, a, config.exo_per_pair, EXO_VIEWS) for a in served(config, name)]
        wanted.append((Kind.TEST, "", config.test_per_object, TEST_VIEWS))
        for kind, affordance, count, views in wanted:
            begin = first + (config.ego_per_object if kind is Kind.TEST else 0)
            if _wants(config, kind, affordance, card.family):
                jobs += [
                    Job(kind, card.family, k, begin + at, min(views, count - at), affordance, name)
                    for k, at in enumerate(range(0, count, views))
                ]
    return jobs


def scans_of(config: DatasetConfig) -> tuple[str, ...]:
    """Names of all imported objects of a data set."""
    folders = [Path(word) for word in config.sources if word != PROCEDURAL]
    return tuple(name for folder in folders for name in imported_names(folder))


def _wants(config: DatasetConfig, kind: Kind, affordance: str, family: str) -> bool:
    """Whether a split holds such images; those without one affordance are of the family."""
    if affordance:
        return any(belongs(split, kind, affordance, family) for split in config.splits)
    return "Seen" in config.splits or (family in UNSEEN_FAMILIES) == (kind is Kind.TEST)


def _jobs(
    kind: Kind, family: str, first: int, count: int, views: int, *, affordance: str = ""
) -> list[Job]:
    pair = list(FUNCTIONAL_PARTS).index(affordance) * SEEDS_PER_PAIR if affordance else 0
    return [
        Job(kind, family, pair + i, first + at, min(views, count - at), affordance)
        for i, at in enumerate(range(0, count, views))
    ]


def belongs(split: str, kind: Kind, affordance: str, family: str) -> bool:
    """Whether a split holds images of a kind for an affordance and a family."""
    if split == "Seen":
        return True
    held_out = family in UNSEEN_FAMILIES
    return affordance in UNSEEN_SPLIT_AFFORDANCES and held_out == (kind is Kind.TEST)


def object_seed(config: DatasetConfig, job: Job) -> int:
    """Seed of a job's object instance; training, test and simulated picks have different ones."""
    return config.seed * SEEDS_PER_DATASET + SEED_START[job.kind] + job.instance


def render_job(config: DatasetConfig, job: Job) -> list[Record]:
    """Render the images of one job."""
    words = f"{job.kind.value}|{label(job.name)}|{job.affordance}|{job.instance}"
    rng = np.random.default_rng([config.seed, crc32(words.encode())])
    obj = make_object(job.name, object_seed(config, job))
    around = surroundings(config)
    if job.kind is Kind.EXO:
        parts = functional_parts(job.affordance, job.name)
        serves = {job.affordance: parts}
        images = exocentric(
            obj, job.affordance, job.count, config.size, rng, parts=parts, around=around
        )
    else:
        serves = {a: functional_parts(a, job.name) for a in served(config, job.name)}
        wanted = tuple(dict.fromkeys(parts[0] for parts in serves.values()))
        images = egocentric(obj, job.count, config.size, rng, wanted, around=around)
    near = np.random.default_rng([config.seed, crc32(words.encode()), 1])
    records = []
    for number, image in enumerate(images, job.number):
        further = np.random.default_rng([config.seed, crc32(words.encode()), 2, number])
        heatmaps = dict(_heatmaps(serves, image, rng, further)) if job.kind is Kind.TEST else {}
        records.append(_record(job, number, image, tuple(serves), rng, heatmaps=heatmaps))
        if job.kind is Kind.EGO:
            records += _close_ups(job, number, image, serves, near)
    return records


def _close_ups(
    job: Job, number: int, image: MaskedImage, serves: Mapping[str, PartNames], rng: Generator
) -> Iterator[Record]:
    """Crops of a training image, filed only under the affordances whose parts they show.

    Where a further verb has the parts of an earlier one, it takes no part in the draws.
    """
    known = list(serves.values())
    groups = {
        a: parts
        for i, (a, parts) in enumerate(serves.items())
        if a in AFFORDANCES or parts not in known[:i]
    }
    for i in range(CLOSE_UPS):
        found = close_up(image, groups, rng)
        if found is not None:
            crop, shown = found
            parts_shown = [groups[a] for a in shown]
            filed = tuple(a for a, parts in serves.items() if parts in parts_shown)
            yield _record(job, CLOSE_UP_START + CLOSE_UPS * number + i, crop, filed, rng)


def _record(
    job: Job,
    number: int,
    image: MaskedImage,
    affordances: tuple[str, ...],
    rng: Generator,
    *,
    heatmaps: Mapping[str, bytes] = MappingProxyType({}),
) -> Record:
    height, width = image.whole.shape
    boxes = image.boxes()
    whole = mask_box(image.whole)
    if whole is not None:
        boxes[""] = whole
    tested = job.kind is Kind.TEST
    mask = _encoded(".png", image.whole.astype(np.uint8) * 255, []) if tested else b""
    quality = int(rng.integers(85, 96))
    jpeg = _encoded(".jpg", image.color[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    filed = FiledImage(job.kind, job.family, affordances, number, (width, height), boxes)
    return Record(filed, jpeg, heatmaps, mask)


def _heatmaps(
    serves: Mapping[str, PartNames], image: MaskedImage, rng: Generator, further: Generator
) -> Iterator[tuple[str, bytes]]:
    """Ground truth of each affordance; ``further`` draws those of verbs that AGD20K has not."""
    for affordance, parts in serves.items():
        mask = np.zeros(image.whole.shape, bool)
        for part in parts:
            mask |= image.parts.get(part, False)
        drawn = annotate(mask, rng if affordance in AFFORDANCES else further)
        yield affordance, _encoded(".png", drawn, [])


def annotate(
    mask: NDArray[np.bool_], rng: Generator, points: int = ANNOTATED_POINTS
) -> NDArray[np.uint8]:
    """Ground-truth heatmap (H, W) 8 bit, peak 255, of a part mask, by AGD20K's recipe.

    Unit impulses at points drawn in the mask, an OpenCV Gaussian of odd kernel
    ``int(sqrt(h w) / 3)`` with OpenCV's own sigma for that kernel, then min-max. All zero for an
    empty mask.
    """
    height, width = mask.shape
    impulses = np.zeros((height, width), np.float64)
    inside = np.argwhere(mask)
    if len(inside):
        chosen = inside[rng.choice(len(inside), points, replace=len(inside) < points)]
        np.add.at(impulses, (chosen[:, 0], chosen[:, 1]), 1.0)
    kernel = max(int(np.sqrt(height * width) / 3) | 1, 1)
    blurred = cv2.GaussianBlur(impulses, (kernel, kernel), 0)
    span = float(blurred.max() - blurred.min())
    if span <= 0:
        return np.zeros((height, width), np.uint8)
    return np.round((blurred - blurred.min()) / span * 255).astype(np.uint8)


def _encoded(ending: str, image: NDArray[np.uint8], options: list[int]) -> bytes:
    done, buffer = cv2.imencode(ending, np.ascontiguousarray(image), options)
    if not done:
        raise InvalidInput(f"OpenCV could not encode an image of shape {image.shape} as {ending}")
    return bytes(buffer)
