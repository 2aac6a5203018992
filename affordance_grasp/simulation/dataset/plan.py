"""The simulated affordance data set, in AGD20K's layout.

Which pictures there are is decided by a plan of jobs, one per object instance; a job is a pure
function of the data set's seed and its own description, so the result does not depend on how
many workers share the jobs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from zlib import crc32

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.simulation.dataset.annotation import annotate
from affordance_grasp.simulation.dataset.detector import Box, mask_box
from affordance_grasp.simulation.dataset.images import (
    MaskedPicture,
    close_up,
    egocentric,
    exocentric,
)
from affordance_grasp.simulation.dataset.parts import (
    FUNCTIONAL_PARTS,
    affordances_of,
    functional_parts,
)
from affordance_grasp.simulation.objects import FAMILIES, make_object
from affordance_grasp.simulation.seeds import (
    EXO_SEED_START,
    SEEDS_PER_DATASET,
    TEST_SEED_START,
    TRAIN_SEED_START,
)

SPLITS = ("Seen", "Unseen")
UNSEEN_FAMILIES = ("knife", "pan", "axe", "teapot", "fork")
"""Families of the Unseen test set; the Unseen training set holds none of them."""
UNSEEN_AFFORDANCES = (
    "cut_with",
    "drink_with",
    "hit",
    "hold",
    "open",
    "pour",
    "sip",
    "stick",
    "swing",
    "wash",
)
"""Those of AGD20K's 25 Unseen affordances that the families serve."""

EGO_VIEWS, EXO_VIEWS, TEST_VIEWS = 3, 4, 2
MOST_PICTURES, SEEDS_PER_PAIR = 2000, 500
CLOSE_UPS, CLOSE_UP_START = 2, 100_000
"""Close-ups of every training picture, at most, and where their numbers begin."""


class Kind(str, Enum):
    """What a picture is for."""

    EGO = "ego"
    EXO = "exo"
    TEST = "test"


SEED_START = {Kind.EGO: TRAIN_SEED_START, Kind.EXO: EXO_SEED_START, Kind.TEST: TEST_SEED_START}


@dataclass(frozen=True)
class DatasetConfig:
    """How many pictures of which size; ``size`` is the shorter side [px]."""

    seed: int = 0
    ego_per_object: int = 60
    exo_per_pair: int = 24
    test_per_object: int = 12
    size: int = 320
    splits: tuple[str, ...] = SPLITS

    def __post_init__(self) -> None:
        """Refuse negative counts, absurd sizes and unknown splits."""
        for split in self.splits:
            if split not in SPLITS:
                raise UnknownName("split", split, SPLITS)
        counts = self.ego_per_object, self.exo_per_pair, self.test_per_object
        if not all(1 <= count <= MOST_PICTURES for count in counts):
            raise InvalidInput(f"picture counts {counts} must be within 1..{MOST_PICTURES}")
        if self.seed < 0:
            raise InvalidInput(f"the seed is {self.seed}; it must not be negative")
        if not 64 <= self.size <= 800:
            raise InvalidInput(f"picture size {self.size} px is not within 64..800")


@dataclass(frozen=True)
class Job:
    """All pictures of one object instance: ``count`` from picture ``number`` on."""

    kind: Kind
    family: str
    instance: int
    number: int
    count: int
    affordance: str = ""


@dataclass(frozen=True)
class Record:
    """One finished picture, encoded, and what is known about it.

    ``affordances``: those under which it is filed, because it shows the parts that serve them.
    ``boxes`` are exact (left, top, right, bottom [px]) of visible parts and, under ``""``, of the
    whole object; ``heatmaps`` (test pictures only): affordance -> 8-bit PNG.
    """

    kind: Kind
    family: str
    affordances: tuple[str, ...]
    number: int
    jpeg: bytes
    size: tuple[int, int]
    boxes: dict[str, Box]
    heatmaps: dict[str, bytes]

    @property
    def stem(self) -> str:
        """File name without its ending, as AGD20K has it."""
        prefix = f"{self.affordances[0]}_" if self.kind is Kind.EXO else ""
        return f"{prefix}{self.family}_{self.number:06d}"


def plan(config: DatasetConfig) -> list[Job]:
    """All jobs of a data set, in a fixed order."""
    jobs: list[Job] = []
    seen = "Seen" in config.splits
    for family in FAMILIES:
        if seen or family not in UNSEEN_FAMILIES:
            jobs += _jobs(Kind.EGO, family, 0, config.ego_per_object, EGO_VIEWS)
        if seen or family in UNSEEN_FAMILIES:
            first = config.ego_per_object
            jobs += _jobs(Kind.TEST, family, first, config.test_per_object, TEST_VIEWS)
    for affordance, families in FUNCTIONAL_PARTS.items():
        for family in families:
            if seen or in_unseen_training(affordance, family):
                count = config.exo_per_pair
                jobs += _jobs(Kind.EXO, family, 0, count, EXO_VIEWS, affordance=affordance)
    return jobs


def _jobs(
    kind: Kind, family: str, first: int, count: int, views: int, *, affordance: str = ""
) -> list[Job]:
    pair = sorted(FUNCTIONAL_PARTS).index(affordance) * SEEDS_PER_PAIR if affordance else 0
    return [
        Job(kind, family, pair + i, first + at, min(views, count - at), affordance)
        for i, at in enumerate(range(0, count, views))
    ]


def in_unseen_training(affordance: str, family: str) -> bool:
    """Whether pictures of this pair may train on the Unseen split."""
    return affordance in UNSEEN_AFFORDANCES and family not in UNSEEN_FAMILIES


def object_seed(config: DatasetConfig, job: Job) -> int:
    """Seed of the object instance of a job; apart between training, test and robot trials."""
    return config.seed * SEEDS_PER_DATASET + SEED_START[job.kind] + job.instance


def photograph(config: DatasetConfig, job: Job) -> list[Record]:
    """Make the pictures of one job."""
    words = f"{job.kind.value}|{job.family}|{job.affordance}|{job.instance}"
    rng = np.random.default_rng([config.seed, crc32(words.encode())])
    obj = make_object(job.family, object_seed(config, job))
    if job.kind is Kind.EXO:
        pictures = exocentric(obj, job.affordance, job.count, config.size, rng)
        filed: tuple[str, ...] = (job.affordance,)
    else:
        pictures = egocentric(obj, job.count, config.size, rng, _wanted(job.family))
        filed = affordances_of(job.family)
    near = np.random.default_rng([config.seed, crc32(words.encode()), 1])
    records = []
    for number, picture in enumerate(pictures, job.number):
        records.append(_record(job, number, picture, filed, rng))
        if job.kind is Kind.EGO:
            records += _close_ups(job, number, picture, near)
    return records


def _close_ups(job: Job, number: int, picture: MaskedPicture, rng: Generator) -> Iterator[Record]:
    """Pieces of a training picture, filed only under what they show."""
    groups = {a: functional_parts(a, job.family) for a in affordances_of(job.family)}
    for i in range(CLOSE_UPS):
        found = close_up(picture, groups, rng)
        if found is not None:
            piece, shown = found
            yield _record(job, CLOSE_UP_START + CLOSE_UPS * number + i, piece, shown, rng)


def _wanted(family: str) -> tuple[str, ...]:
    """Parts that a picture of a family should show: the first of every affordance."""
    chosen = (functional_parts(affordance, family)[0] for affordance in affordances_of(family))
    return tuple(dict.fromkeys(chosen))


def _record(
    job: Job, number: int, picture: MaskedPicture, affordances: tuple[str, ...], rng: Generator
) -> Record:
    height, width = picture.whole.shape
    boxes = picture.boxes()
    whole = mask_box(picture.whole)
    if whole is not None:
        boxes[""] = whole
    heatmaps = dict(_heatmaps(job.family, picture, rng)) if job.kind is Kind.TEST else {}
    quality = int(rng.integers(85, 96))
    return Record(
        job.kind,
        job.family,
        affordances,
        number,
        _encoded(".jpg", picture.color[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality]),
        (width, height),
        boxes,
        heatmaps,
    )


def _heatmaps(family: str, picture: MaskedPicture, rng: Generator) -> Iterator[tuple[str, bytes]]:
    for affordance in affordances_of(family):
        mask = np.zeros(picture.whole.shape, bool)
        for part in functional_parts(affordance, family):
            mask |= picture.parts.get(part, False)
        yield affordance, _encoded(".png", annotate(mask, rng), [])


def _encoded(ending: str, image: NDArray[np.uint8], options: list[int]) -> bytes:
    done, buffer = cv2.imencode(ending, np.ascontiguousarray(image), options)
    if not done:
        raise InvalidInput(f"OpenCV could not encode a picture of shape {image.shape} as {ending}")
    return bytes(buffer)
