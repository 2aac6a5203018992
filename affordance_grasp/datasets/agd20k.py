"""Data sets in AGD20K's folder layout: AGD20K, HICO-IIF, the simulated set, imported test sets.

Layout, below ``<root>/<split>``::

    trainset/{egocentric,exocentric}/<affordance>/<object>/*.jpg
    trainset/exocentric/<affordance>/<object>/<clip>/*.jpg    # frames of a clip, in order
    testset/egocentric/<affordance>/<object>/*.jpg
    testset/GT/<affordance>/<object>/<same stem>.png
    testset/whole_obj_mask/<affordance>/<object>/<same stem>.png

The last, masks of the whole object, are no part of AGD20K and may be missing. A file
``<root>/affordances.yaml`` names affordances that AGD20K has not
(:mod:`~affordance_grasp.datasets.affordances_file`); beside it a split may have any name, and no
``testset``.
Test items are the egocentric test images that have a ground truth, also one that is all zero, as
AGD20K's bottle_000341.png under hold is. The Hard split (AffordanceLLM) has no folder of its own:
it is a choice of objects from Seen.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from affordance_grasp.datasets.affordances_file import (
    AFFORDANCES_FILE,
    AffordanceNotes,
    read_affordances,
)
from affordance_grasp.errors import InvalidInput, look_up, shown
from affordance_grasp.image_files import read_color
from affordance_grasp.query.vocabulary import AFFORDANCES, in_order, known_affordances

HICO_IIF_AFFORDANCES = (
    "cut_with",
    "drink_with",
    "hold",
    "open",
    "pour",
    "sip",
    "stick",
    "stir",
    "swing",
    "type_on",
)
NOT_IN_UNSEEN = (
    "beat",
    "boxing",
    "brush_with",
    "drag",
    "lift",
    "look_out",
    "pack",
    "stir",
    "talk_on",
    "text_on",
    "write",
)
UNSEEN_AFFORDANCES = tuple(a for a in AFFORDANCES if a not in NOT_IN_UNSEEN)
"""The 25 affordances of the Unseen split, in the order of the released classifiers too."""
SPLIT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
Item = TypeVar("Item")
Key = TypeVar("Key")
IMAGE_ENDINGS = {".jpg", ".jpeg", ".png"}
LEFT_BY_PROGRAMS = (".", "__MACOSX", "@eaDir")
"""How names begin that are no part of a data set: hidden ones, those of archives and shares."""
LISTED_PROBLEMS = 20


@dataclass(frozen=True)
class Layout:
    """The folder of a split below the root, and its objects.

    ``affordances``: those that the split may hold, in the order of their labels.
    ``last_train_object``: objects up to this one in the alphabet are for training, those after it
    for testing; None where the folders alone decide. ``trains`` and ``tests``: whether it has
    train and test images.
    """

    folder: str
    affordances: tuple[str, ...] = AFFORDANCES
    last_train_object: str | None = None
    trains: bool = True
    tests: bool = True

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders that the split must have."""
        kinds = [k for k, has in (("trainset", self.trains), ("testset", self.tests)) if has]
        return tuple(part for part in PARTS if part.startswith(tuple(kinds)))

    def trains_on(self, object_name: str) -> bool:
        """Whether train images of the object belong to the split."""
        return self.last_train_object is None or object_name <= self.last_train_object

    def tests_on(self, object_name: str) -> bool:
        """Whether test images of the object belong to the split."""
        return self.last_train_object is None or object_name > self.last_train_object


LAYOUTS = {
    "Seen": Layout("Seen"),
    "Unseen": Layout("Unseen", UNSEEN_AFFORDANCES),
    # AffordanceLLM: of AGD20K's 50 objects the first 28 train, apple to hot_dog, and 22 test
    "Hard": Layout("Seen", last_train_object="hot_dog"),
    "HICO-IIF": Layout("HICO-IIF", HICO_IIF_AFFORDANCES),
    "UMD": Layout("UMD", trains=False),
    "IIT-AFF": Layout("IIT-AFF", trains=False),
}


@dataclass(frozen=True, order=True)
class ImageFile:
    """One image file of the tree; the same content may appear under several affordances."""

    affordance: str
    object: str
    path: Path

    @property
    def pair(self) -> tuple[str, str]:
        """Affordance and object."""
        return self.affordance, self.object

    @property
    def name(self) -> str:
        """Its place in a folder of the tree, without the ending: that of its ground truth too."""
        return f"{self.affordance}/{self.object}/{self.path.stem}"


@dataclass(frozen=True)
class TestItem:
    """An egocentric test image, its ground truth map, and the mask of its object if known."""

    __test__ = False  # a test item of the data set, no test case

    image: ImageFile
    truth: Path
    object_mask: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All of its files."""
        masks = () if self.object_mask is None else (self.object_mask,)
        return (self.image.path, self.truth, *masks)


@dataclass(frozen=True)
class Split:
    """All images of one split, sorted by path; made by :func:`load_split`.

    ``affordances``: those with train images, AGD20K's first, in its class order. ``test``: in
    the Hard split without those whose file name a train image has. ``without_truth``: number of
    test images that have no ground truth and are no test items. ``notes``: what the data set's
    ``affordances.yaml`` says.
    """

    name: str
    folder: Path
    train_ego: tuple[ImageFile, ...]
    train_exo: tuple[ImageFile, ...]
    test: tuple[TestItem, ...]
    without_truth: int = 0
    notes: Mapping[str, AffordanceNotes] = field(default_factory=dict)
    affordances: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Derive the affordances."""
        present = {image.affordance for image in self.train_ego}
        object.__setattr__(self, "affordances", in_order(present))

    def part(self, affordance: str, object_name: str) -> str | None:
        """What ``affordances.yaml`` calls the part on which an affordance acts; None without."""
        notes = self.notes.get(affordance)
        return None if notes is None else notes.parts.get(object_name)

    @property
    def phrases(self) -> dict[str, tuple[str, ...]]:
        """What people say for the train images' affordances that are described or unknown."""
        own = {name: self.notes[name].phrases for name in self.affordances if name in self.notes}
        return {n: said for n, said in own.items() if said or n not in known_affordances()}


def find_layout(root: Path, split: str, notes: Mapping[str, AffordanceNotes]) -> Layout:
    """The layout of a published split, or of one that a data set with ``notes`` has itself.

    Raises:
        UnknownName: the split is not published and no ``affordances.yaml`` lies below ``root``.
    """
    if not notes:
        return look_up("split", split, LAYOUTS)
    if not SPLIT_NAME.fullmatch(split):
        raise InvalidInput(f"split {shown(split)} is no name of a folder below {root}")
    layout = LAYOUTS.get(split, Layout(split, ()))
    further = [a for a in in_order(notes) if split not in LAYOUTS or a not in AFFORDANCES]
    tests = (root / layout.folder / "testset").is_dir()
    return replace(layout, affordances=(*layout.affordances, *further), tests=tests)


def load_split(root: Path, split: str) -> Split:
    """List one split and check it; every missing folder, file or counterpart is named."""
    found, problems = inspect_split(Path(root), split)
    _refuse(problems, found.folder)
    return found


def load_training_split(root: Path, split: str) -> Split:
    """As :func:`load_split`; refuses a split that has test images only."""
    found = load_split(root, split)
    if not found.train_ego:
        raise InvalidInput(f"{found.folder} is a test set; it has no images to train on")
    return found


def load_test_split(root: Path, split: str) -> Split:
    """As :func:`load_split`; refuses a split that has no ground truth."""
    found = load_split(root, split)
    if not found.test:
        raise InvalidInput(f"{found.folder} has no testset with ground truth; nothing to score")
    return found


def inspect_split(root: Path, split: str) -> tuple[Split, list[str]]:
    """One split as far as it can be listed, and all that is missing or wrong."""
    notes = read_affordances(root)
    layout = find_layout(root, split, notes)
    folder = root / layout.folder
    missing = [f"folder {folder / p}" for p in layout.parts if not (folder / p).is_dir()]
    if missing:
        return Split(split, folder, (), (), (), notes=notes), missing
    train_ego, train_exo = (
        _images(folder / part, layout.trains_on, clips) if layout.trains else ()
        for part, clips in zip(PARTS[:2], (False, True), strict=True)
    )
    test_ego, truths = (
        _images(folder / part, layout.tests_on) if layout.tests else () for part in PARTS[2:]
    )
    problems = [
        *_unknown_affordances(folder, layout),
        *_empty_classes(folder, layout.parts),
        *_unpaired(folder, train_ego, train_exo),
        *_truths_without_image(folder, test_ego, truths),
    ]
    truth_of = {truth.name: truth.path for truth in truths}
    mask_of = _object_masks(folder, layout)
    test = tuple(
        TestItem(p, truth_of[p.name], mask_of.get(p.name)) for p in test_ego if p.name in truth_of
    )
    kinds = [
        *((train_ego, train_exo) if layout.trains else ()),
        *((test,) if layout.tests else ()),
    ]
    problems = problems or _missing_kinds(folder, *kinds)
    without_truth = len(test_ego) - len(test)
    if layout.last_train_object:  # AffordanceLLM: without images whose file name trains
        names = {image.path.name for image in train_ego}
        test = tuple(item for item in test if item.image.path.name not in names)
    return Split(split, folder, train_ego, train_exo, test, without_truth, notes), problems


def without_corrupt(split: Split) -> tuple[Split, list[str]]:
    """The split without the images that cannot be decoded, and a sentence for each of them.

    A test image goes with its ground truth. Refuses where too few are left.
    """
    bad = dict(corrupt_files(_all_files(split)))
    good = replace(
        split,
        train_ego=tuple(p for p in split.train_ego if p.path not in bad),
        train_exo=tuple(p for p in split.train_exo if p.path not in bad),
        test=tuple(item for item in split.test if bad.keys().isdisjoint(item.files)),
    )
    if bad:
        _refuse_lost_classes(good)
    return good, list(bad.values())


def content_digest(image: ImageFile) -> str:
    """Hex sha256 of the bytes of a file: equal for the same image under two affordances."""
    return hashlib.sha256(image.path.read_bytes()).hexdigest()


def grouped(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, tuple[Item, ...]]:
    """Items by a key such as their content's digest; groups and members in the order given."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return {found: tuple(members) for found, members in groups.items()}


def corrupt_files(files: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Those image files that cannot be decoded, with a sentence on each."""
    for path in files:
        try:
            read_color(path)
        except InvalidInput as error:
            yield path, str(error)


def _refuse_lost_classes(split: Split) -> None:
    """Refuse a split, some images of which were left out, where those that remain do not do."""
    train = split.train_ego, split.train_exo
    tested = (split.test,) if (split.folder / "testset").is_dir() else ()
    problems = _unpaired(split.folder, *train) or _missing_kinds(split.folder, *train, *tested)
    if problems:
        raise InvalidInput(
            f"without its corrupt images {split.folder} is not complete: {_listed(problems)}"
        )


def _all_files(split: Split) -> Iterator[Path]:
    yield from (image.path for image in (*split.train_ego, *split.train_exo))
    for item in split.test:
        yield from item.files


def _images(
    folder: Path, belongs: Callable[[str], bool], clips: bool = False
) -> tuple[ImageFile, ...]:
    """All images of a part of the tree; ``clips``: also those in folders, the frames of a clip."""
    return tuple(
        ImageFile(affordance.name, thing.name, path)
        for affordance in _folders(folder)
        for thing in _folders(affordance)
        if belongs(thing.name)
        for path in (_frames(thing) if clips else _files(thing))
    )


def _folders(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.is_dir()]


def _frames(folder: Path) -> list[Path]:
    """The image files in a folder, then those in its folders."""
    return _files(folder) + [path for clip in _folders(folder) for path in _files(clip)]


def _files(folder: Path) -> list[Path]:
    """The image files in a folder."""
    return [p for p in _entries(folder) if p.suffix.lower() in IMAGE_ENDINGS and p.is_file()]


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, sorted, but what other programs leave there, as ._x.png."""
    try:
        meant = [p for p in folder.iterdir() if not p.name.startswith(LEFT_BY_PROGRAMS)]
        return sorted(meant, key=lambda path: path.name.encode())
    except (OSError, UnicodeEncodeError) as error:
        raise InvalidInput(f"{folder} cannot be listed ({error})") from error


PARTS = ("trainset/egocentric", "trainset/exocentric", "testset/egocentric", "testset/GT")
OBJECT_MASKS = "testset/whole_obj_mask"


def _object_masks(folder: Path, layout: Layout) -> dict[str, Path]:
    """The masks of whole objects by the name of the image that they belong to."""
    masks = folder / OBJECT_MASKS
    return {m.name: m.path for m in _images(masks, layout.tests_on)} if masks.is_dir() else {}


def _unknown_affordances(folder: Path, layout: Layout) -> list[str]:
    return [
        f"{path} is not one of the {len(layout.affordances)} affordances of this split, which "
        f"{AFFORDANCES_FILE} beside the splits may name"
        for part in layout.parts
        for path in _folders(folder / part)
        if path.name not in layout.affordances
    ]


def _empty_classes(folder: Path, parts: tuple[str, ...]) -> list[str]:
    problems = []
    for affordance in (path for part in parts for path in _folders(folder / part)):
        objects = _folders(affordance)
        problems += [f"{path} holds no image" for path in objects if not _frames(path)]
        problems += [] if objects else [f"{affordance} holds no folder of an object"]
    return problems


def _unpaired(folder: Path, ego: tuple[ImageFile, ...], exo: tuple[ImageFile, ...]) -> list[str]:
    pairs = {"egocentric": {p.pair for p in ego}, "exocentric": {p.pair for p in exo}}
    missing = []
    for have, need in (("egocentric", "exocentric"), ("exocentric", "egocentric")):
        for affordance, name in sorted(pairs[have] - pairs[need]):
            path = folder / "trainset" / need / affordance / name
            missing.append(f"{path} holds no image, its {have} counterpart does")
    return missing


def _truths_without_image(
    folder: Path, ego: tuple[ImageFile, ...], truths: tuple[ImageFile, ...]
) -> list[str]:
    known = {image.name for image in ego}
    images = folder / "testset/egocentric"
    return [f"{images / t.name}.jpg is missing" for t in truths if t.name not in known]


def _missing_kinds(folder: Path, *kinds: Collection[object]) -> list[str]:
    if all(kinds):
        return []
    return [f"no images for train or no ground truth for test in {folder}"]


def _refuse(problems: list[str], folder: Path) -> None:
    if problems:
        raise InvalidInput(
            f"{folder} is not a complete data set in AGD20K's layout, {len(problems)} missing or "
            f"wrong: {_listed(problems)}"
        )


def _listed(problems: list[str]) -> str:
    listed = "; ".join(problems[:LISTED_PROBLEMS])
    more = len(problems) - LISTED_PROBLEMS
    return f"{listed}; and {more} more" if more > 0 else listed
