"""Boxes of named parts and objects, as an open-vocabulary part detector gives them.

A detector runs once per image; its results are stored in a JSON file beside the images
(``<split>/trainset/detections.json``), so that any detector can be used, also one that runs
elsewhere::

    {"parts": {affordance: {object: {file: {"boxes": [[l, t, r, b], ...], "scores": [...]}}}},
     "objects_ego": {... the same, whole-object boxes ...}, "objects_exo": {...},
     "prompts": {affordance: {object: "handle of the mug"}}}

Boxes are in pixels of the image, right and bottom exclusive. ``prompts`` are the words the
detector was asked for; they may be absent.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.configuration.documents import read_json, typed
from affordance_grasp.datasets.agd20k import ImageFile
from affordance_grasp.errors import InvalidInput

DETECTIONS_FILE = "detections.json"
SCORE_THRESHOLD = 0.5


@dataclass(frozen=True)
class Detections:
    """Boxes (N, 4) float left, top, right, bottom in pixels, and scores (N,) in 0..1."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Refuse arrays that disagree, scores that are not finite, and boxes without an area."""
        if self.boxes.shape != (len(self.scores), 4):
            raise InvalidInput(
                f"{self.boxes.shape} boxes and {self.scores.shape} scores; expected (N, 4), (N,)"
            )
        left, top, right, bottom = self.boxes.T
        if not np.isfinite(self.scores).all():
            raise InvalidInput("detection scores must be finite")
        if not (np.isfinite(self.boxes).all() and (left < right).all() and (top < bottom).all()):
            raise InvalidInput("detection boxes must be finite with left < right and top < bottom")

    @property
    def best(self) -> NDArray[np.float64]:
        """The box (4,) with the highest score."""
        return self.boxes[self.scores.argmax()]

    def kept(self) -> "Detections":
        """Boxes with a score above 0.5, or the best one if there is none (PLSP stage A)."""
        chosen = self.scores > SCORE_THRESHOLD
        if not chosen.any() and len(self.scores):
            chosen = np.arange(len(self.scores)) == self.scores.argmax()
        return Detections(self.boxes[chosen], self.scores[chosen])


@dataclass(frozen=True)
class FoundBoxes:
    """Boxes and scores as they lie in a file."""

    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


_Table = dict[str, dict[str, dict[str, FoundBoxes | None]]]


@dataclass(frozen=True)
class _Answers:
    """The content of a detector's file."""

    parts: _Table
    objects_ego: _Table = field(default_factory=dict)
    objects_exo: _Table = field(default_factory=dict)
    prompts: dict[str, dict[str, str]] = field(default_factory=dict)


class RecordedDetector:
    """A detector's results from its JSON file: for one image, None where it found nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            raise InvalidInput(f"no detector boxes at {path}; run the part detector")
        answers = typed(_Answers, read_json(path, "detector boxes"), f"detector boxes {path}")
        self._prompts = answers.prompts
        self._found = {
            kind: self._checked(kind, getattr(answers, kind))
            for kind in ("parts", "objects_ego", "objects_exo")
        }

    def parts(self, image: ImageFile) -> Detections | None:
        """Boxes of the part(s) on which the image's affordance acts (train egocentric)."""
        return self._find("parts", image)

    def object_ego(self, image: ImageFile) -> Detections | None:
        """Whole-object boxes of an egocentric image."""
        return self._find("objects_ego", image)

    def object_exo(self, image: ImageFile) -> Detections | None:
        """Whole-object boxes of an exocentric image."""
        return self._find("objects_exo", image)

    def prompt(self, affordance: str, object_name: str) -> str | None:
        """The part detector's prompt, None where it is not recorded."""
        return self._prompts.get(affordance, {}).get(object_name)

    def _find(self, kind: str, image: ImageFile) -> Detections | None:
        return self._found[kind].get((*image.pair, image.path.name))

    def _checked(self, kind: str, table: _Table) -> dict[tuple[str, str, str], Detections]:
        """The boxes of a table by affordance, object and file, of those files that have any."""
        checked = {}
        for affordance, objects in table.items():
            for name, files in objects.items():
                for file, found in files.items():
                    try:
                        if found is not None and found.boxes:
                            boxes = np.array(found.boxes, float), np.array(found.scores, float)
                            checked[affordance, name, file] = Detections(*boxes)
                    except InvalidInput as error:
                        where = f"{self.path}: {kind} of {affordance}/{name}/{file}"
                        raise InvalidInput(f"{where}: {error}") from error
        return checked
