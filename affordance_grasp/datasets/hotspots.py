"""OPRA and EPIC as interaction hotspots are learned from them -> clips and a test set.

Nagarajan et al., "Grounded Human-Object Interaction Hotspots from Video" (ICCV 2019). Their file
``annotations.json`` names verbs, nouns, clips, images without a hand, and on those the points
where people expect the interaction. Frames and images lie where that work's programs put them.
The result has AGD20K's layout: clips are exocentric, images without a hand egocentric.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from affordance_grasp.configuration.documents import read_json
from affordance_grasp.datasets.affordances_file import AffordanceNotes, write_affordances
from affordance_grasp.datasets.agd20k import PARTS
from affordance_grasp.errors import InvalidInput
from affordance_grasp.files import write_file
from affordance_grasp.image_files import read_color
from affordance_grasp.query.vocabulary import AFFORDANCES

Kind = Literal["opra", "epic"]
SPLIT = "Seen"
EPIC_STEP = 10
"""Of EPIC's 60 frames per second every tenth counts."""


def import_hotspots(
    kind: Kind, source: Path, annotations: Path, root: Path, frames: int
) -> dict[str, int]:
    """Write clips (links to at most ``frames`` spread frames), images and ground truth.

    Counts ``clips``, ``images`` without a hand, ``tested`` images, and what is named but
    ``missing`` on the disk.

    Raises:
        InvalidInput: the annotations are of another form, or nothing that they name is there.
    """
    stored = read_json(annotations, "annotations of hotspots")
    folder, tally = root / SPLIT, {"clips": 0, "images": 0, "tested": 0, "missing": 0}
    try:
        names = _Names(stored["verbs"], stored["nouns"])
        for entry in stored["train_clips"]:
            found = [path for path in _clip_frames(kind, source, entry) if path.exists()]
            place = names.place(entry)
            _link(found, folder / PARTS[1] / place / _stem(_clip_name(entry)), frames)
            tally["clips" if found else "missing"] += 1
            for path, box in _without_hand(kind, source, stored, entry, names):
                done = path.exists()
                if done:
                    _crop(path, box, folder / PARTS[0] / place)
                tally["images" if done else "missing"] += 1
        for entry in stored["test_images"]:
            path = _tested_image(kind, source, annotations, entry)
            if path.exists():
                _test_item(kind, entry, path, folder, names.place(entry))
            tally["tested" if path.exists() else "missing"] += 1
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"{annotations} is not as that of interaction hotspots is ({error!r})"
        ) from error
    if not (tally["clips"] and tally["images"] and tally["tested"]):
        raise InvalidInput(f"{source} holds none of the frames or images that {annotations} names")
    write_affordances(root, {verb: AffordanceNotes() for verb in names.verbs})
    return tally


def heatmap_of_points(
    points: Sequence[Sequence[float]], shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """Points (row, column) as a map (H, W) of peak 255, blurred as AGD20K's and OPRA's are."""
    height, width = shape
    heat = np.zeros((height, width), np.float32)
    for row, column in points:
        heat[min(max(int(row), 0), height - 1), min(max(int(column), 0), width - 1)] += 1
    side = int(np.sqrt(height * width) / 3) | 1
    blurred = cv2.GaussianBlur(heat, (side, side), 0)
    return np.asarray(np.rint(255 * blurred / max(float(blurred.max()), 1e-12)), np.uint8)


@dataclass(frozen=True)
class _Names:
    """Verbs and nouns by their numbers, as names of folders."""

    given_verbs: Sequence[str]
    given_nouns: Sequence[str]

    @property
    def verbs(self) -> tuple[str, ...]:
        known = dict.fromkeys(_word(verb) for verb in self.given_verbs)
        return tuple(known) or AFFORDANCES

    def place(self, entry: Mapping[str, Any]) -> Path:
        """AFFORDANCE/OBJECT of an entry; images of OPRA's test set may name no object."""
        noun = self.given_nouns[entry["noun"]] if "noun" in entry else "object"
        return Path(_word(self.given_verbs[entry["verb"]])) / _word(noun)


def _word(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _stem(words: Iterable[object]) -> str:
    return re.sub(r"[^\w-]+", "_", "_".join(map(str, words)))


def _clip_name(entry: Mapping[str, Any]) -> list[object]:
    if "clip" in entry:
        return list(entry["clip"])
    return [entry["v_id"], entry["start"], entry["stop"]]


def _clip_frames(kind: Kind, source: Path, entry: Mapping[str, Any]) -> list[Path]:
    if kind == "opra":
        *folders, first, second = map(str, entry["clip"])
        clip = source.joinpath("data/frames", *folders, f"{first}_{second}.mp4")
        return [clip / f"image-{i:08d}.jpg" for i in range(1, entry["nframes"] + 1)]
    video = source / "frames_rgb_flow/rgb/train" / _person(entry["v_id"]) / entry["v_id"]
    numbers = range(entry["start"], entry["stop"] + 1, EPIC_STEP)
    return [video / f"frame_{number:010d}.jpg" for number in numbers]


def _without_hand(
    kind: Kind, source: Path, stored: Mapping[str, Any], entry: Mapping[str, Any], names: _Names
) -> Iterator[tuple[Path, Sequence[float] | None]]:
    """Images of a clip's object alone, and the box of it where it is a part of the image."""
    if kind == "opra":
        yield source.joinpath("data/images", *map(str, entry["image"])), None
        return
    for each in stored["inactive_images"].get(names.given_nouns[entry["noun"]], ()):
        video = source / "object_detection_images/train" / _person(each["v_id"]) / each["v_id"]
        yield video / f"{each['f_id']:010d}.jpg", each["box"]


def _tested_image(kind: Kind, source: Path, annotations: Path, entry: Mapping[str, Any]) -> Path:
    if kind == "opra":
        return source.joinpath("data/images", *map(str, entry["image"]))
    return annotations.parent / "images" / str(entry["image"][0])


def _person(video: str) -> str:
    return video.partition("_")[0]


def _link(found: Sequence[Path], folder: Path, frames: int) -> None:
    """Links to evenly spread frames, numbered anew."""
    count = min(frames, len(found))
    for number in range(count):
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / f"{number + 1:06d}.jpg"
        if not link.exists():
            os.symlink(found[int((number + 0.5) * len(found) / count)].resolve(), link)


def _crop(path: Path, box: Sequence[float] | None, folder: Path) -> None:
    stem = _stem([*path.with_suffix("").parts[-3:], *(map(int, box) if box else ())])
    target = folder / f"{stem}.jpg"
    if not target.exists():
        color = read_color(path)
        if box is not None:
            left, top, right, bottom = (max(int(side), 0) for side in box)
            color = color[top:bottom, left:right]
        write_file(target, _encoded(color, "JPEG"))


def _test_item(
    kind: Kind, entry: Mapping[str, Any], path: Path, folder: Path, place: Path
) -> None:
    """The image and its ground truth, both of the size that the points are of."""
    height, width = map(int, entry["shape"][:2])
    truth = heatmap_of_points(entry["points"], (height, width))
    truth = truth.T if kind == "epic" else truth  # points and shape are (column, row) there
    stem = _stem(entry["image"])
    color = cv2.resize(read_color(path), truth.shape[::-1], interpolation=cv2.INTER_AREA)
    write_file(folder / PARTS[2] / place / f"{stem}.jpg", _encoded(color, "JPEG"))
    write_file(folder / PARTS[3] / place / f"{stem}.png", _encoded(truth, "PNG"))


def _encoded(image: NDArray[np.uint8], kind: str) -> bytes:
    content = BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(content, kind, quality=95)
    return content.getvalue()
