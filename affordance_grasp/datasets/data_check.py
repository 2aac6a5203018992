"""What is wrong or missing in a data set, file by file."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from affordance_grasp.datasets.affordances_file import AFFORDANCES_FILE
from affordance_grasp.datasets.agd20k import (
    IMAGE_ENDINGS,
    LEFT_BY_PROGRAMS,
    PARTS,
    ImageFile,
    Split,
    content_digest,
    corrupt_files,
    grouped,
    inspect_split,
)
from affordance_grasp.datasets.detections import DETECTIONS_FILE, Detections, RecordedDetector
from affordance_grasp.errors import InvalidInput
from affordance_grasp.image_files import image_size

EXO_IMAGES = 3
"""So many exocentric images of a pair are drawn for a sample."""


@dataclass(frozen=True)
class Findings:
    """``faults`` keep a data set from being used; ``notes`` say what it is not good for."""

    faults: tuple[str, ...]
    notes: tuple[str, ...]


def check_data_set(root: Path, split: str) -> Findings:
    """Everything that is wrong or missing in a split, each in a sentence that names the file."""
    found, faults = inspect_split(root, split)
    images = [*found.train_ego, *found.train_exo, *(item.image for item in found.test)]
    truths = [path for item in found.test for path in item.files[1:]]
    corrupt = dict(corrupt_files([*(image.path for image in images), *truths]))
    boxes_faults, boxes_notes = _boxes(found, corrupt)
    return Findings(
        (*faults, *corrupt.values(), *_truth_sizes(found, corrupt), *boxes_faults),
        (
            *_ignored_files(found),
            *_copies(found),
            *_few_images(found),
            *_alike_under_all(found),
            *_parts(found),
            *boxes_notes,
            *_untested(found),
        ),
    )


def _truth_sizes(split: Split, corrupt: Collection[Path]) -> Iterator[str]:
    for item in split.test:
        sizes = {path: image_size(path) for path in item.files if path not in corrupt}
        expected = sizes.get(item.image.path)
        for path, size in sizes.items():
            if expected is not None and size != expected:
                yield f"{path} is {size[0]}x{size[1]}, its image {expected[0]}x{expected[1]}"


def _ignored_files(split: Split) -> Iterator[str]:
    endings = ", ".join(sorted(IMAGE_ENDINGS))
    for path in sorted(split.folder.glob("*/*/*/*/*")):
        known = path.relative_to(split.folder).as_posix().startswith(PARTS)
        left = path.name.startswith(LEFT_BY_PROGRAMS)
        if known and not left and path.suffix.lower() not in IMAGE_ENDINGS:
            yield f"{path} is not read; images end in {endings}"


def _copies(split: Split) -> Iterator[str]:
    """The same image twice in a class, or in the train and the test images."""
    for kind in (split.train_ego, split.train_exo):
        for alike in grouped(kind, lambda p: (p.pair, content_digest(p))).values():
            for other in alike[1:]:
                yield f"{other.path} is the same image as {alike[0].path}"
    trained = {content_digest(p): p.path for p in (*split.train_ego, *split.train_exo)}
    for item in split.test:
        if (digest := content_digest(item.image)) in trained:
            yield f"{item.image.path} tests on a train image, {trained[digest]}"


def _few_images(split: Split) -> Iterator[str]:
    for (affordance, name), count in Counter(p.pair for p in split.train_exo).items():
        if count < EXO_IMAGES:
            folder = split.folder / PARTS[1] / affordance / name
            yield f"{folder} holds {count} images; of fewer than {EXO_IMAGES} some are drawn twice"


def _alike_under_all(split: Split) -> Iterator[str]:
    """Where images do not tell the affordances apart, as all methods but PLSP need it."""
    if len(split.affordances) == 1:
        yield (
            f"{split.folder} has one affordance, {split.affordances[0]}: methods that learn from "
            "classes of images alone (looptrans, selectivecl, locate) learn nothing from one; "
            "plsp does, from boxes of parts"
        )
    for name, images in grouped(split.train_ego, lambda image: image.object).items():
        sets: dict[str, set[str]] = {}
        for image in images:
            sets.setdefault(image.affordance, set()).add(content_digest(image))
        if len(sets) > 1 and all(each == next(iter(sets.values())) for each in sets.values()):
            yield (
                f"the egocentric images of {name} are the same for {', '.join(sets)}: methods "
                "that learn from classes of images alone tell its parts apart only by close-ups "
                "that are filed under what they show"
            )


def _parts(split: Split) -> Iterator[str]:
    """Where ``affordances.yaml`` and the folders do not agree."""
    pairs = {image.pair for image in split.train_ego}
    named = {(a, name) for a, notes in split.notes.items() for name in notes.parts}
    for affordance, name in sorted(pairs - named) if split.notes else ():
        yield f"{AFFORDANCES_FILE} names no part of {affordance}/{name}; its name is taken"
    for affordance, name in sorted(named - pairs):
        yield f"{AFFORDANCES_FILE} names {affordance}/{name}, of which there are no train images"


def _boxes(split: Split, corrupt: Collection[Path]) -> tuple[list[str], list[str]]:
    path = split.folder / "trainset" / DETECTIONS_FILE
    if not path.exists():
        return [], [f"{path} is missing: plsp learns from boxes of parts, the others need none"]
    try:
        detector = RecordedDetector(path)
    except InvalidInput as error:
        return [str(error)], []
    faults, notes = [], []
    for image in split.train_ego:
        found = detector.parts(image)
        if found is None:
            notes.append(f"{image.path} has no box of the part: plsp does not train on it")
        elif image.path not in corrupt and _beyond(image, found):
            faults.append(f"{path}: a box of {image.name} reaches beyond its image")
    return faults, notes


def _beyond(image: ImageFile, found: Detections) -> bool:
    width, height = image_size(image.path)
    return bool((found.boxes[:, :2] < 0).any() or (found.boxes[:, 2:] > (width, height)).any())


def _untested(split: Split) -> Iterator[str]:
    if not split.test and split.train_ego:
        yield f"{split.folder} has no testset: heads get no score, but a contact sheet"
    if split.without_truth:
        yield f"{split.without_truth} test images of {split.folder} have no ground truth"
