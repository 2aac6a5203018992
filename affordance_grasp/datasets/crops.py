"""The LOCATE family's augmentation: resize, random crop, random mirror, on every image alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from affordance_grasp.configuration.settings import Count, Seed, Settings, Whole
from affordance_grasp.datasets.stitching import Catalogue
from affordance_grasp.errors import InvalidInput

Resize = Literal["squash", "shorter_side"]


@dataclass(frozen=True)
class Crop:
    """How one image becomes a square network input, lengths in pixels.

    ``resize`` to ``resized``: both sides, or the shorter one with the aspect kept
    (as published for LOCATE), with Pillow's bilinear filter, which antialiases. Then cut
    ``side`` x ``side`` at the shares ``top`` and ``left`` in [0, 1) of the possible places, and
    mirror if ``flip``.
    """

    resize: Resize = "squash"
    resized: int = 224
    side: int = 224
    top: float = 0.0
    left: float = 0.0
    flip: bool = False
    others: tuple[int, ...] = ()

    def image(
        self, color: NDArray[np.uint8], others: Sequence[NDArray[np.uint8]] = ()
    ) -> NDArray[np.float32]:
        """The network input (side, side, 3) in 0..1 of an rgb image (H, W, 3)."""
        del others
        size = self._size(color.shape[1], color.shape[0])
        resized = Image.fromarray(color).resize(size, Image.Resampling.BILINEAR)
        left, top = (
            int(share * (length - self.side + 1))
            for share, length in zip((self.left, self.top), size, strict=True)
        )
        cut = np.asarray(resized)[top : top + self.side, left : left + self.side]
        mirrored = cut[:, ::-1] if self.flip else cut
        return np.ascontiguousarray(mirrored, np.float32) / np.float32(255)

    def _size(self, width: int, height: int) -> tuple[int, int]:
        if self.resize == "squash":
            return self.resized, self.resized
        shorter = min(width, height)
        return self.resized * width // shorter, self.resized * height // shorter


@dataclass(frozen=True)
class CropPlan(Settings, title="views"):
    """How many crops every train image gets; ``seed`` draws those that are cached.

    Egocentric and exocentric images are augmented alike and independently. ``exo_crops`` 0:
    exocentric ones are squashed and not cut, as the frames of a clip must agree.
    """

    ego_crops: Count = 3
    exo_crops: Whole = 3
    resize: Resize = "squash"
    resized: Count = 256
    side: Count = 224
    seed: Seed = 0

    def check(self) -> None:
        """Refuse crops larger than the image."""
        if self.side > self.resized:
            raise InvalidInput(f"views: side is {self.side}; must be within 1..{self.resized}")

    def ego(self, rng: np.random.Generator, index: int, catalogue: Catalogue) -> tuple[Crop, ...]:
        """The crops of an egocentric image."""
        del index, catalogue
        return tuple(self._crop(rng) for _ in range(self.ego_crops))

    def exo(self, rng: np.random.Generator, index: int, catalogue: Catalogue) -> tuple[Crop, ...]:
        """The crops of an exocentric image."""
        del index, catalogue
        return tuple(self._crop(rng) for _ in range(self.exo_crops)) or (self.plain,)

    @property
    def plain(self) -> Crop:
        """The view of a test image: squashed, not cut."""
        return Crop("squash", self.side, self.side)

    def _crop(self, rng: np.random.Generator) -> Crop:
        top, left, mirror = rng.random(3)
        return Crop(
            self.resize, self.resized, self.side, float(top), float(left), bool(mirror < 0.5)
        )
