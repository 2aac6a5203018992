"""A simulated open-vocabulary part detector with the errors of real ones.

Real detectors answer a prompt such as "knife blade" with an imprecise box, sometimes with the box
of the whole object, sometimes with none. The simulated one starts from exact boxes and makes
these errors at given rates, the same ones for the same image and seed.
"""

from dataclasses import dataclass
from typing import Annotated
from zlib import crc32

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from affordance_grasp.configuration.settings import Seed, Settings, Share, about
from affordance_grasp.errors import InvalidInput

Floats = NDArray[np.float64]
PixelBox = tuple[float, float, float, float]


@dataclass(frozen=True)
class DetectedBoxes:
    """``boxes`` (N, 4): left, top, right, bottom [px], ends exclusive; ``scores`` (N,)."""

    boxes: Floats
    scores: Floats


@dataclass(frozen=True)
class SimulatedDetector(Settings, title="simulated detector"):
    """Imprecise boxes from exact ones; of several faults at most one is made."""

    miss_rate: Annotated[Share, about("share of parts that the detector misses")] = 0.08
    whole_object_rate: Annotated[Share, about("share of parts with the whole object's box")] = 0.08
    jitter: Annotated[Share, about("deviation of a box's edges, in shares of its sides")] = 0.04
    seed: Annotated[Seed, about("of all random draws")] = 0

    def check(self) -> None:
        """Refuse rates whose sum is no share."""
        if self.miss_rate + self.whole_object_rate > 1:
            raise InvalidInput("miss_rate and whole_object_rate together must not exceed 1")

    def detect(
        self,
        image: str,
        prompt: str,
        boxes: list[PixelBox],
        whole: PixelBox,
        size: tuple[int, int],
    ) -> DetectedBoxes:
        """Answer a prompt about an image.

        Args:
            image: name of the image; with the prompt it seeds the errors.
            prompt: text of the query.
            boxes: exact boxes of the queried part (empty when it is hidden).
            whole: exact box of the whole object.
            size: width and height of the image [px].
        """
        rng = np.random.default_rng([self.seed, crc32(f"{image}|{prompt}".encode())])
        draw = rng.uniform()
        if draw < self.miss_rate or not boxes:
            return DetectedBoxes(np.zeros((0, 4)), np.zeros(0))
        whole_returned = draw < self.miss_rate + self.whole_object_rate
        found = [whole] if whole_returned else boxes
        moved = np.array([self._jittered(box, size, rng) for box in found])
        scores = rng.uniform(0.45 if whole_returned else 0.55, 0.95, len(moved))
        return DetectedBoxes(moved, scores)

    def _jittered(self, box: PixelBox, size: tuple[int, int], rng: Generator) -> Floats:
        left, top, right, bottom = box
        scale = np.array([right - left, bottom - top] * 2)
        moved = np.asarray(box) + rng.normal(scale=self.jitter, size=4) * scale
        limits = np.array([*size, *size])
        moved = np.clip(moved, 0, limits)
        start = np.minimum(moved[:2], limits[:2] - 1)
        return np.concatenate([start, np.maximum(moved[2:], start + 1)])


def mask_box(mask: NDArray[np.bool_]) -> PixelBox | None:
    """Exact box of a mask (H, W): left, top, right, bottom [px]; None for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
