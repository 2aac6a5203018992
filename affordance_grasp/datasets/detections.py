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

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.configuration.documents import read_json
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
        """Refuse arrays that disagree and boxes that are empty or not finite."""
        if self.boxes.shape != (len(self.scores), 4):
            raise InvalidInput(
                f"{self.boxes.shape} boxes and {self.scores.shape} scores; expected (N, 4), (N,)"
            )
        left, top, right, bottom = self.boxes.T
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


class Detector(Protocol):
    """Results for one image, None where it found nothing."""

    def parts(self, image: ImageFile) -> Detections | None:
        """Boxes of the part(s) on which the image's affordance acts (train egocentric)."""

    def object_ego(self, image: ImageFile) -> Detections | None:
        """Whole-object boxes of an egocentric image."""

    def object_exo(self, image: ImageFile) -> Detections | None:
        """Whole-object boxes of an exocentric image."""

    def prompt(self, affordance: str, object_name: str) -> str | None:
        """The part detector's prompt, None where it is not recorded."""


class RecordedDetector:
    """A detector's results from its JSON file."""

    def __init__(self, path: Path) -> None:
        """Read and check the file."""
        self.path = path
        if not path.exists():
            raise InvalidInput(f"no detector boxes at {path}; run the part detector")
        self._answers: Mapping[str, Any] = read_json(path, "detector boxes")
        if not isinstance(self._answers, dict) or not isinstance(self._answers.get("parts"), dict):
            raise InvalidInput(f'detector boxes {path} hold no mapping "parts"')

    def parts(self, image: ImageFile) -> Detections | None:
        """Part boxes, see :class:`Detector`."""
        return self._find("parts", image)

    def object_ego(self, image: ImageFile) -> Detections | None:
        """Whole-object boxes, see :class:`Detector`."""
        return self._find("objects_ego", image)

    def object_exo(self, image: ImageFile) -> Detections | None:
        """Whole-object boxes, see :class:`Detector`."""
        return self._find("objects_exo", image)

    def prompt(self, affordance: str, object_name: str) -> str | None:
        """The part detector's prompt, None where it is not recorded."""
        words = self._answers.get("prompts", {}).get(affordance, {}).get(object_name)
        return None if words is None else str(words)

    def _find(self, kind: str, image: ImageFile) -> Detections | None:
        try:
            by_object = self._answers.get(kind, {}).get(image.affordance, {})
            entry = by_object.get(image.object, {}).get(image.path.name)
            if not entry or not entry["boxes"]:
                return None
            return Detections(np.array(entry["boxes"], float), np.array(entry["scores"], float))
        except (InvalidInput, KeyError, ValueError, TypeError, AttributeError) as error:
            raise InvalidInput(f"{self.path}: {kind} of {image.path.name}: {error}") from error
