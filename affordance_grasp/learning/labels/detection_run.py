"""A detector over the train images of a split: from words for parts to ``detections.json``."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from affordance_grasp.batch.journal import Journal, begin_run
from affordance_grasp.configuration.documents import read_yaml, typed
from affordance_grasp.datasets.agd20k import ImageFile, Split, content_digest, grouped
from affordance_grasp.datasets.detections import Detections, FoundBoxes
from affordance_grasp.files import write_file
from affordance_grasp.image_files import read_color
from affordance_grasp.learning.labels.box_detectors import BoxDetector
from affordance_grasp.share import share_path

PROMPTS_FILE = "config/part_prompts.yaml"
JOURNAL = "trainset/detecting/boxes.jsonl"
Prompts = Mapping[str, Mapping[str, str]]
_Words = Annotated[str, Meta(pattern=r"\S")]
Copies = tuple[ImageFile, ...]


@dataclass(frozen=True)
class ImageBoxes:
    """What was found on one image: ``digest`` of its content, the boxes of every prompt."""

    digest: str
    found: dict[str, FoundBoxes]


@dataclass(frozen=True)
class BoxCount:
    """Train images that were looked at, and of the egocentric ones those without a part's box."""

    images: int
    without_part: int


def read_prompts(path: Path | None = None, split: Split | None = None) -> Prompts:
    """What a detector is asked for, by affordance and object.

    Without a ``path`` the published words, and before those the parts that the data set's
    ``affordances.yaml`` names.

    Raises:
        InvalidInput: the file is no YAML of affordances with texts for objects.
    """
    if path is None:
        prompts = {
            name: dict(objects) for name, objects in _read(share_path(PROMPTS_FILE)).items()
        }
        for name, notes in split.notes.items() if split else ():
            prompts.setdefault(name, {}).update(notes.parts)
        return prompts
    return _read(path)


def _read(path: Path) -> Prompts:
    advice = "; it must hold, for each affordance, objects and what to look for"
    values = read_yaml(path, "prompts of parts")
    return typed(dict[str, dict[str, _Words]], values, f"prompts of parts {path}", advice)


def part_prompt(prompts: Prompts, image: ImageFile) -> str:
    """What to look for on an egocentric image; the object where no part is named."""
    return prompts.get(image.affordance, {}).get(image.object) or object_prompt(image)


def object_prompt(image: ImageFile) -> str:
    """The object of an image as a detector is asked for it."""
    return image.object.replace("_", " ")


def write_detections(
    split: Split,
    detector: BoxDetector,
    prompts: Prompts,
    path: Path,
    progress: Callable[[Collection[Any]], Iterable[Any]] = iter,
) -> BoxCount:
    """Look at every train image once, and write all boxes to ``path``.

    What was found is noted image by image, so that a killed run goes on where it was.
    """
    journal_path = split.folder / JOURNAL
    journal_path.parent.mkdir(parents=True, exist_ok=True)
    identity = {"detector": detector.name, "prompts": {k: dict(v) for k, v in prompts.items()}}
    begin_run(journal_path, identity, "a detection", f", or remove {journal_path.parent}")
    due = _questions(split, prompts)
    with Journal(journal_path, ImageBoxes) as journal:
        done = {each.digest: each.found for each in journal.results()}
        for digest, (copies, asked) in progress([q for q in due.items() if q[0] not in done]):
            found = detector.detect(read_color(copies[0].path), asked)
            plain = {p: _plain(boxes) for p, boxes in found.items() if boxes is not None}
            journal.append(ImageBoxes(digest, plain))
            done[digest] = plain
        tables = _tables(split, prompts, done, {p: d for d, (c, _) in due.items() for p in c})
        write_file(path, json.dumps(tables))
        journal.remove()
    journal_path.parent.rmdir()
    parts = sum(len(files) for objects in tables["parts"].values() for files in objects.values())
    return BoxCount(len(due), len(split.train_ego) - parts)


def _questions(split: Split, prompts: Prompts) -> dict[str, tuple[Copies, list[str]]]:
    """By content: the files of an image, and all that is sought on it."""
    ego = set(split.train_ego)
    questions = {}
    for digest, copies in grouped((*split.train_ego, *split.train_exo), content_digest).items():
        asked = {part_prompt(prompts, p) for p in copies if p in ego}
        questions[digest] = copies, sorted(asked | {object_prompt(p) for p in copies})
    return questions


def _tables(
    split: Split,
    prompts: Prompts,
    found: Mapping[str, Mapping[str, FoundBoxes]],
    digest_of: Mapping[ImageFile, str],
) -> dict[str, Any]:
    """The content of the file; see :mod:`affordance_grasp.datasets.detections`."""
    tables: dict[str, Any] = {"parts": {}, "objects_ego": {}, "objects_exo": {}, "prompts": {}}

    def note(table: str, image: ImageFile, prompt: str) -> None:
        boxes = found[digest_of[image]].get(prompt)
        if boxes is not None:
            by_file = tables[table].setdefault(image.affordance, {}).setdefault(image.object, {})
            by_file[image.path.name] = {"boxes": boxes.boxes, "scores": boxes.scores}

    for image in split.train_ego:
        prompt = part_prompt(prompts, image)
        tables["prompts"].setdefault(image.affordance, {})[image.object] = prompt
        note("parts", image, prompt)
        note("objects_ego", image, object_prompt(image))
    for image in split.train_exo:
        note("objects_exo", image, object_prompt(image))
    return tables


def _plain(found: Detections) -> FoundBoxes:
    boxes = [(float(a), float(b), float(c), float(d)) for a, b, c, d in found.boxes.round(2)]
    return FoundBoxes(boxes, [float(score) for score in found.scores.round(4)])
