"""Files of the simulated data set: images, ground truth, detections, manifest."""

import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypedDict

import cv2
import mujoco
import numpy as np
from msgspec import Meta
from tqdm import tqdm

from affordance_grasp.batch.backends import PROCESSES
from affordance_grasp.batch.journal import RUN, Journal, begin_run
from affordance_grasp.batch.spread import spread
from affordance_grasp.configuration.documents import read_json, typed
from affordance_grasp.configuration.settings import Count, record
from affordance_grasp.datasets.affordances_file import AffordanceNotes, write_affordances
from affordance_grasp.datasets.agd20k import OBJECT_MASKS
from affordance_grasp.datatypes import MAX_IMAGE_SIDE
from affordance_grasp.errors import InvalidInput, writing
from affordance_grasp.files import write_file, write_json
from affordance_grasp.query.vocabulary import AFFORDANCES
from affordance_grasp.simulation.dataset.config import SPLITS, DatasetConfig, Verbs
from affordance_grasp.simulation.dataset.detector import PixelBox, SimulatedDetector
from affordance_grasp.simulation.dataset.functional_parts import (
    FUNCTIONAL_PARTS,
    functional_parts,
    prompt_of,
    serving_parts,
)
from affordance_grasp.simulation.dataset.jobs import (
    UNSEEN_FAMILIES,
    UNSEEN_SPLIT_AFFORDANCES,
    FiledImage,
    Job,
    Kind,
    Record,
    belongs,
    families_of,
    plan,
    render_job,
    scans_of,
    served,
)
from affordance_grasp.simulation.objects import SEEDS_PER_DATASET, TRIAL_SEED_START
from affordance_grasp.simulation.objects.imported import is_imported, read_card

MANIFEST = "manifest.json"
BOXES = "detector"
DETECTIONS = "detections.json"
TABLES = ("prompts", "parts", "objects_ego", "objects_exo")
FOLDERS = {
    Kind.EGO: "trainset/egocentric",
    Kind.EXO: "trainset/exocentric",
    Kind.TEST: "testset/egocentric",
}
Json = dict[str, Any]


def simulate(
    folder: Path,
    config: DatasetConfig,
    detector: SimulatedDetector | None = None,
    workers: int = 2,
    progress: bool = True,
    *,
    backend: str = PROCESSES,
) -> Json:
    """Write a data set and return its manifest.

    ``folder/<split>/{trainset,testset}`` is AGD20K's layout. ``folder/detector/<split>.json``
    holds the exact boxes in the training images, from which :func:`detect` computes a part
    detector's answers: ``folder/<split>/trainset/detections.json``. A run that was killed goes on
    when the same is asked for again, and comes to the same files.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / RUN).exists():
        raise InvalidInput(f"{folder} is not empty; give a new folder")
    jobs, path = plan(config), folder / "jobs.jsonl"
    setup = partial(DatasetFolder, folder, config)
    with spread(DatasetFolder.render, setup, workers, backend) as render:
        begin_run(path, {"config": record(config), "versions": _versions()}, "a data set")
        with Journal(path, JobImages) as written:
            results = written.keep(render(jobs[written.count :]))
            _show(results, [job.count for job in jobs], written.count, progress)
            counts = _finish(folder, config, written.results())
            detect(folder, detector or SimulatedDetector(seed=config.seed))
            write_affordances(folder, _notes(config))
            manifest = _manifest(config, counts)
            write_json(folder / MANIFEST, manifest)
            written.remove()
    return manifest


@dataclass(frozen=True)
class JobImages:
    """What a finished job has written; close-ups are further images."""

    images: tuple[FiledImage, ...]


@dataclass(frozen=True)
class DatasetFolder:
    """A data set that is being written."""

    folder: Path
    config: DatasetConfig

    def render(self, job: Job) -> JobImages:
        """Render the images of a job and write each to every place that holds it."""
        rendered = render_job(self.config, job)
        for image in rendered:
            for split in self.config.splits:
                _write(self.folder / split, split, image)
        return JobImages(tuple(image.filed for image in rendered))


def _show(results: Iterable[JobImages], sizes: list[int], done: int, progress: bool) -> None:
    """Take the results of the jobs from the ``done``-th on, as a progress bar."""
    images = {"total": sum(sizes), "initial": sum(sizes[:done]), "unit": "image"}
    with tqdm(**images, disable=not progress) as bar:
        for size, _ in zip(sizes[done:], results, strict=True):
            bar.update(size)


def _places(split: str, image: FiledImage) -> Iterator[Path]:
    """Where a split holds an image, below its folder of such images, without ending."""
    for affordance in image.affordances:
        if belongs(split, image.kind, affordance, image.family):
            yield Path(affordance, image.family, image.stem)


def _write(root: Path, split: str, record: Record) -> None:
    image = record.filed
    for place in _places(split, image):
        write_file(root / FOLDERS[image.kind] / place.with_suffix(".jpg"), record.jpeg)
        if image.kind is Kind.TEST:
            truth = record.heatmaps[place.parts[0]]
            write_file(root / "testset/GT" / place.with_suffix(".png"), truth)
            write_file(root / OBJECT_MASKS / place.with_suffix(".png"), record.whole)


def _finish(folder: Path, config: DatasetConfig, results: Iterable[JobImages]) -> Counter[str]:
    """Write the exact boxes of all images; returns how many files each folder of images has."""
    serves = _serves_of_scans(config)
    boxes: dict[str, Json] = {
        split: {"ego": {}, "exo": {}, "verbs": config.verbs}
        | ({"serves": serves} if serves else {})
        for split in config.splits
    }
    counts: Counter[str] = Counter()
    for image in (image for result in results for image in result.images):
        for split in config.splits:
            counts[f"{split}/{FOLDERS[image.kind]}"] += len(list(_places(split, image)))
            _note_boxes(boxes[split], split, image)
    for split in config.splits:
        write_json(folder / BOXES / f"{split}.json", boxes[split])
    return +counts


def _notes(config: DatasetConfig) -> dict[str, AffordanceNotes]:
    """The affordances of a data set, and what a part detector is asked for."""
    parts: dict[str, dict[str, str]] = {name: {} for name in FUNCTIONAL_PARTS}
    for name in (*families_of(config), *scans_of(config)):
        family = read_card(name).family if is_imported(name) else name
        for affordance in served(config, name):
            words = prompt_of(family, functional_parts(affordance, name))
            parts.setdefault(affordance, {})[family] = words
    return {name: AffordanceNotes(parts=of) for name, of in parts.items() if of}


def _serves_of_scans(config: DatasetConfig) -> dict[str, dict[str, tuple[str, ...]]]:
    """Family -> affordance -> parts, of imported families that are not the package's."""
    cards = [read_card(name) for name in scans_of(config)]
    return {each.family: each.serves for each in cards if not serving_parts(each.family)}


def _note_boxes(boxes: Json, split: str, image: FiledImage) -> None:
    """Record the exact boxes of a training image."""
    if image.kind is Kind.TEST or (split != "Seen" and image.family in UNSEEN_FAMILIES):
        return
    if image.kind is Kind.EXO:
        (affordance,) = image.affordances
        if not belongs(split, Kind.EXO, affordance, image.family):
            return
        images = boxes["exo"].setdefault(affordance, {}).setdefault(image.family, {})
    else:
        images = boxes["ego"].setdefault(image.family, {})
    parts = {part: box for part, box in image.boxes.items() if part}
    whole = image.boxes.get("")
    images[image.stem + ".jpg"] = {"size": image.size, "whole": whole, "parts": parts}


def detect(folder: Path, detector: SimulatedDetector) -> None:
    """Write ``detections.json`` of every split of a data set anew.

    ``parts``: affordance -> family -> ego file -> ``{"boxes", "scores"}`` of the functional part;
    ``objects_ego`` and ``objects_exo``: the same for the whole object.
    """
    splits = [split for split in SPLITS if (folder / BOXES / f"{split}.json").is_file()]
    if not splits:
        raise InvalidInput(f"{folder} holds no {BOXES}/<split>.json; simulate a data set first")
    for split in splits:
        exact = _read_boxes(folder / BOXES / f"{split}.json")
        answers = _answers(split, exact, detector)
        write_json(folder / split / "trainset" / DETECTIONS, answers)


def _answers(split: str, exact: Json, detector: SimulatedDetector) -> Json:
    """Content of a split's ``detections.json``; see :func:`detect`."""
    tables: dict[str, dict[str, Json]] = {name: defaultdict(dict) for name in TABLES}
    for family, images in exact["ego"].items():
        whole = {file: _answer(detector, file, family, of, None) for file, of in images.items()}
        serves = exact.get("serves", {}).get(family) or serving_parts(family)
        for affordance, names in serves.items():
            held = affordance in AFFORDANCES or exact.get("verbs") == "all"
            if held and belongs(split, Kind.EGO, affordance, family):
                words = prompt_of(family, names)
                tables["prompts"][affordance][family] = words
                tables["parts"][affordance][family] = {
                    file: _answer(detector, file, words, of, names) for file, of in images.items()
                }
                tables["objects_ego"][affordance][family] = whole
    for affordance, families in exact["exo"].items():
        for family, images in families.items():
            tables["objects_exo"][affordance][family] = {
                file: _answer(detector, file, family, of, None) for file, of in images.items()
            }
    return {"detector": {"name": "simulated", **asdict(detector)}, **tables}


_Pixel = Annotated[float, Meta(ge=0, le=MAX_IMAGE_SIDE)]
_Box = tuple[_Pixel, _Pixel, _Pixel, _Pixel]


class _ExactBoxes(TypedDict):
    """Of one image, in pixels: its size, the whole object and its parts."""

    size: tuple[Count, Count]
    whole: _Box | None
    parts: dict[str, _Box]


class _Boxes(TypedDict):
    """By family and file; of exocentric images by affordance first."""

    ego: dict[str, dict[str, _ExactBoxes]]
    exo: dict[str, dict[str, dict[str, _ExactBoxes]]]


class _BoxesFile(_Boxes, total=False):
    """With families that the package does not know, and which verbs count.

    ``serves``: family -> affordance -> parts. ``verbs``: those of AGD20K where it is missing.
    """

    verbs: Verbs
    serves: dict[str, dict[str, tuple[str, ...]]]


def _read_boxes(path: Path) -> Json:
    return dict(typed(_BoxesFile, read_json(path, "exact boxes"), f"exact boxes {path}"))


def _answer(
    detector: SimulatedDetector, file: str, words: str, exact: Json, parts: tuple[str, ...] | None
) -> Json:
    """The detector's answer for parts, or for the whole object with None."""
    whole = exact["whole"]
    shown: list[PixelBox] = [] if whole is None else [whole]
    if parts is not None:
        shown = _union([exact["parts"][part] for part in parts if part in exact["parts"]])
    found = detector.detect(file, words, shown, whole or (0, 0, 1, 1), tuple(exact["size"]))
    return {"boxes": found.boxes.round(1).tolist(), "scores": found.scores.round(3).tolist()}


def _union(boxes: list[PixelBox]) -> list[PixelBox]:
    """The one box around all boxes, or none."""
    if not boxes:
        return []
    left, top, right, bottom = zip(*boxes, strict=True)
    return [(min(left), min(top), max(right), max(bottom))]


def _manifest(config: DatasetConfig, counts: Counter[str]) -> Json:
    return {
        "config": record(config),
        "files": dict(sorted(counts.items())),
        "unseen_families": list(UNSEEN_FAMILIES),
        "unseen_affordances": list(UNSEEN_SPLIT_AFFORDANCES),
        "object_seeds": {
            "first": config.seed * SEEDS_PER_DATASET,
            "never_pictured_from": config.seed * SEEDS_PER_DATASET + TRIAL_SEED_START,
        },
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    """Of what decides how an image looks."""
    modules = {module.__name__: module.__version__ for module in (cv2, mujoco, np)}
    return {"python": platform.python_version(), **modules}
