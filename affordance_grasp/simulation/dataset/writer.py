"""Files of the simulated data set: images, ground truth, detections, manifest."""

import json
import multiprocessing
import platform
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import mujoco
import numpy as np
from tqdm import tqdm

from affordance_grasp.configuration.documents import read_json
from affordance_grasp.errors import InvalidInput, WorkerDied, writing
from affordance_grasp.files import write_file
from affordance_grasp.simulation.dataset.config import SPLITS, DatasetConfig
from affordance_grasp.simulation.dataset.detector import PixelBox, SimulatedDetector
from affordance_grasp.simulation.dataset.functional_parts import (
    affordances_of,
    functional_parts,
    prompt,
)
from affordance_grasp.simulation.dataset.jobs import (
    UNSEEN_FAMILIES,
    UNSEEN_SPLIT_AFFORDANCES,
    Job,
    Kind,
    Record,
    belongs,
    plan,
    render_job,
)
from affordance_grasp.simulation.objects import SEEDS_PER_DATASET, TRIAL_SEED_START

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
) -> Json:
    """Write a data set and return its manifest.

    ``folder/<split>/{trainset,testset}`` is AGD20K's layout. ``folder/detector/<split>.json``
    holds the exact boxes in the training images, from which :func:`detect` computes a part
    detector's answers: ``folder/<split>/trainset/detections.json``.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InvalidInput(f"{folder} is not empty; give a new folder")
    boxes: dict[str, Json] = {split: {"ego": {}, "exo": {}} for split in config.splits}
    counts: Counter[str] = Counter()
    jobs = plan(config)
    with tqdm(total=sum(job.count for job in jobs), unit="image", disable=not progress) as bar:
        for record in _records(config, jobs, workers):
            for split in config.splits:
                counts.update(_write(folder / split, split, record))
                _note_boxes(boxes[split], split, record)
            bar.update()
    for split in config.splits:
        _write_json(folder / BOXES / f"{split}.json", boxes[split])
    detect(folder, detector or SimulatedDetector(seed=config.seed))
    manifest = _manifest(config, counts)
    _write_json(folder / MANIFEST, manifest)
    return manifest


def _records(config: DatasetConfig, jobs: list[Job], workers: int) -> Iterator[Record]:
    if workers <= 1:
        for job in jobs:
            yield from render_job(config, job)
        return
    # OpenGL contexts do not survive a fork
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            for records in pool.map(partial(render_job, config), jobs, chunksize=4):
                yield from records
        except BrokenProcessPool as error:
            raise WorkerDied(
                "a rendering process died, perhaps for lack of memory; begin again in a new "
                "folder, with --workers 1"
            ) from error


def _write(root: Path, split: str, record: Record) -> Iterator[str]:
    """Write one image to every place of a split that holds it; yields these, to be counted."""
    folder = FOLDERS[record.kind]
    for affordance in record.affordances:
        if not belongs(split, record.kind, affordance, record.family):
            continue
        place = Path(affordance, record.family, record.stem)
        write_file(root / folder / place.with_suffix(".jpg"), record.jpeg)
        if record.kind is Kind.TEST:
            truth = record.heatmaps[affordance]
            write_file(root / "testset/GT" / place.with_suffix(".png"), truth)
        yield f"{split}/{folder}"


def _note_boxes(boxes: Json, split: str, record: Record) -> None:
    """Record the exact boxes of a training image."""
    if record.kind is Kind.TEST or (split != "Seen" and record.family in UNSEEN_FAMILIES):
        return
    if record.kind is Kind.EXO:
        (affordance,) = record.affordances
        if not belongs(split, Kind.EXO, affordance, record.family):
            return
        images = boxes["exo"].setdefault(affordance, {}).setdefault(record.family, {})
    else:
        images = boxes["ego"].setdefault(record.family, {})
    parts = {part: box for part, box in record.boxes.items() if part}
    whole = record.boxes.get("")
    images[record.stem + ".jpg"] = {"size": record.size, "whole": whole, "parts": parts}


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
        _write_json(folder / split / "trainset" / DETECTIONS, answers)


def _answers(split: str, exact: Json, detector: SimulatedDetector) -> Json:
    """Content of a split's ``detections.json``; see :func:`detect`."""
    tables: dict[str, dict[str, Json]] = {name: defaultdict(dict) for name in TABLES}
    for family, images in exact["ego"].items():
        whole = {file: _answer(detector, file, family, of, None) for file, of in images.items()}
        for affordance in affordances_of(family):
            if belongs(split, Kind.EGO, affordance, family):
                words, names = prompt(affordance, family), functional_parts(affordance, family)
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


def _read_boxes(path: Path) -> Json:
    exact = read_json(path, "exact boxes")
    if not isinstance(exact, dict) or not {"ego", "exo"} <= set(exact):
        raise InvalidInput(f'exact boxes {path} are not a mapping with "ego" and "exo"')
    return exact


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
    versions = {"python": platform.python_version()}
    versions |= {module.__name__: module.__version__ for module in (cv2, mujoco, np)}
    return {
        "config": asdict(config),
        "files": dict(sorted(counts.items())),
        "unseen_families": list(UNSEEN_FAMILIES),
        "unseen_affordances": list(UNSEEN_SPLIT_AFFORDANCES),
        "object_seeds": {
            "first": config.seed * SEEDS_PER_DATASET,
            "never_pictured_from": config.seed * SEEDS_PER_DATASET + TRIAL_SEED_START,
        },
        "versions": versions,
    }


def _write_json(path: Path, content: Json) -> None:
    write_file(path, json.dumps(content, indent=1) + "\n")
