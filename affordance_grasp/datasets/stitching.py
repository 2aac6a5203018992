"""PLSP's augmented views: stored parameters, so that labels and boxes are transformed alike.

Squash to 256x256, random crop of 224, flip with probability 1/2; in a
stitched view the crop fills one quadrant and three images of other objects fill the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import cv2
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from affordance_grasp.configuration.settings import Count, Seed, Settings, Share, Whole
from affordance_grasp.datasets.photometry import retaken
from affordance_grasp.errors import InvalidInput


@dataclass(frozen=True)
class StitchView:
    """How one image becomes a square network input, all lengths in pixels.

    Squash to ``squash`` x ``squash``, cut ``side`` x ``side`` at (``top``, ``left``), mirror if
    ``flip``. ``quadrant`` (0..3, row by row) is where a stitched view holds the image; the other
    quadrants hold the images with the indices ``others``. ``foreign``: the affordances of those,
    for which a stitched view must not be used. ``look``: seed of other colours and another camera,
    with which :func:`retaken` shows the image; None as it is.
    """

    squash: int = 224
    side: int = 224
    top: int = 0
    left: int = 0
    flip: bool = False
    quadrant: int | None = None
    others: tuple[int, ...] = ()
    foreign: frozenset[str] = frozenset()
    look: int | None = None

    def serves(self, affordance: str) -> bool:
        """Whether only the image itself shows the affordance."""
        return affordance not in self.foreign

    def crop(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cut and mirror an image or map (squash, squash[, C]) -> (side, side[, C]).

        One that is smaller than ``side`` is continued by its reflection.
        """
        missing = self.side - self.squash
        if missing > 0:
            before, after = (-self.top, -self.left), (missing + self.top, missing + self.left)
            rims = (before[0], after[0], before[1], after[1])
            cut = cv2.copyMakeBorder(image, *rims, cv2.BORDER_REFLECT)
        else:
            cut = image[self.top : self.top + self.side, self.left : self.left + self.side]
        return cut[:, ::-1] if self.flip else cut

    def image(
        self, color: NDArray[np.uint8], others: Sequence[NDArray[np.uint8]] = ()
    ) -> NDArray[np.float32]:
        """The network input (side, side, 3) in 0..1 of an rgb image (H, W, 3)."""
        if self.look is not None:
            color = retaken(color, np.random.default_rng(self.look))
        own = self.crop(squash(color, self.squash) / np.float32(255))
        if self.quadrant is None:
            return np.ascontiguousarray(own)
        half = self.side // 2
        tiles = [squash(other, half) / np.float32(255) for other in others]
        tiles.insert(self.quadrant, squash(own, half))
        return np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])])

    def label(self, target: NDArray[np.float32]) -> NDArray[np.float32]:
        """The label (side, side), summing to 1, of a map (squash, squash) of the image.

        A label that the crop leaves empty becomes uniform (released code).
        """
        own = self.mask(target)
        total = own.sum(dtype=np.float64)
        uniform = np.full_like(own, 1 / own.size)
        return np.ascontiguousarray((own / total).astype(np.float32) if total > 0 else uniform)

    def mask(self, target: NDArray[np.float32]) -> NDArray[np.float32]:
        """A map (squash, squash) of the image in this view (side, side), 0 on other images."""
        own = self.crop(target)
        if self.quadrant is None:
            return np.ascontiguousarray(own)
        half = self.side // 2
        whole = np.zeros((self.side, self.side), np.float32)
        row, column = half * (self.quadrant // 2), half * (self.quadrant % 2)
        whole[row : row + half, column : column + half] = squash(own, half)
        return whole

    def box(self, box: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
        """A box (l, t, r, b) of a ``width`` x ``height`` image in this view."""
        scale = self.squash / np.array([width, height, width, height], float)
        left, top, right, bottom = box * scale - [self.left, self.top, self.left, self.top]
        if self.flip:
            left, right = self.side - right, self.side - left
        return np.clip([left, top, right, bottom], 0, self.side)


def squash(image: NDArray[np.generic], side: int) -> NDArray[np.float32]:
    """Bilinear resize to a square, without antialiasing, as PLSP's released transform."""
    resized = cv2.resize(np.asarray(image, np.float32), (side, side))
    return np.asarray(resized, np.float32)


def blurred_label(mask: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """A pseudo label (H, W) in 0..255 as the soft map (side, side) that PLSP learns from.

    Binarised at one half, Gaussian blur with the odd kernel sqrt(H W) / 3 of AGD20K's annotation.
    """
    height, width = mask.shape
    kernel = int(np.sqrt(height * width) / 3)
    kernel += 1 - kernel % 2
    return squash(cv2.GaussianBlur(_binary(mask), (kernel, kernel), 0), side)


def sharp_label(mask: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """A pseudo label (H, W) in 0..255 as a map (side, side) that is 1 on the part and 0 elsewhere.

    Averaged over the pixels that fall together where it shrinks.
    """
    shrinks = side < min(mask.shape)
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(_binary(mask), (side, side), interpolation=how), np.float32)


def _binary(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    return (mask.astype(np.float32) / 255 >= 0.5).astype(np.float32)


def box_patches(box: NDArray[np.float64], grid: int, side: int) -> NDArray[np.float32]:
    """(grid * grid,) 1 where a patch touches the box (l, t, r, b) in pixels of the input."""
    left, top, right, bottom = box * (grid / side)
    cells = np.zeros((grid, grid), np.float32)
    rows = slice(int(np.floor(top)), max(int(np.ceil(bottom)), int(np.floor(top)) + 1))
    columns = slice(int(np.floor(left)), max(int(np.ceil(right)), int(np.floor(left)) + 1))
    cells[rows, columns] = 1
    return cells.ravel()


@dataclass(frozen=True)
class Catalogue:
    """The object on every image of a list, ``objects``, and the ``affordances`` of each object."""

    objects: tuple[str, ...]
    affordances: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class StitchPlan(Settings, title="views"):
    """How many views every egocentric train image gets.

    ``crops`` plain ones and up to ``stitched`` ones; ``seed`` draws those that are cached.
    ``zoom``: how many times smaller or larger than ``side`` an image is squashed at most, instead
    of always to ``squash``; 0 not at all, as published. ``retaken``: share of the views in other
    colours and by another camera; published none.
    """

    crops: Count = 6
    stitched: Whole = 2
    squash: Count = 256
    side: Count = 224
    seed: Seed = 0
    zoom: Annotated[float, Meta(ge=0, le=4)] = 0.0
    retaken: Share = 0.0

    def check(self) -> None:
        """Refuse crops larger than the image, and a zoom that is none."""
        if 0 < self.zoom < 1:
            raise InvalidInput(f"views: zoom is {self.zoom:g}; must be 0 or at least 1")
        if self.side > self.squash:
            raise InvalidInput(f"views: side is {self.side}; must be within 1..{self.squash}")

    def ego(
        self, rng: np.random.Generator, index: int, catalogue: "Catalogue"
    ) -> tuple[StitchView, ...]:
        """The views of egocentric image ``index`` of the catalogue."""
        views = [self._crop(rng) for _ in range(self.crops)]
        for _ in range(self.stitched):
            others = _foreign_images(rng, index, catalogue)
            shown = (catalogue.affordances[catalogue.objects[i]] for i in others)
            foreign = frozenset[str]().union(*shown)
            own = self._crop(rng)
            quadrant = int(rng.integers(4)) if others else None
            views.append(replace(own, quadrant=quadrant, others=others, foreign=foreign))
        return tuple(views)

    def exo(
        self, rng: np.random.Generator, index: int, catalogue: "Catalogue"
    ) -> tuple[StitchView, ...]:
        """Exocentric images are squashed and not augmented (released code)."""
        del rng, index, catalogue
        return (self.plain,)

    @property
    def plain(self) -> StitchView:
        """The view of a test image."""
        return StitchView(squash=self.side, side=self.side)

    def _crop(self, rng: np.random.Generator) -> StitchView:
        size = self._size(rng)
        low, high = sorted((0, size - self.side))
        top, left = rng.integers(low, high + 1, 2)
        flip = bool(rng.random() < 0.5)
        look = None
        if self.retaken and rng.random() < self.retaken:
            look = int(rng.integers(2**31))
        return StitchView(size, self.side, int(top), int(left), flip, look=look)

    def _size(self, rng: np.random.Generator) -> int:
        if not self.zoom:
            return self.squash
        return round(self.side * self.zoom ** rng.uniform(-1, 1))


def _foreign_images(rng: np.random.Generator, index: int, catalogue: Catalogue) -> tuple[int, ...]:
    """Three images of objects that share no affordance with the own object, drawn at random.

    Released code, Seen. For Unseen it takes any image of another affordance than the query's;
    views are cached for all queries of an image, so here they are drawn as for Seen. Where
    everything can be held no such object is left: see :func:`_partly_foreign`.
    """
    own, affordances = catalogue.objects[index], catalogue.affordances
    others = sorted(set(catalogue.objects) - {own})
    names = [name for name in others if affordances[own].isdisjoint(affordances[name])]
    return _images_of(rng, names or _partly_foreign(rng, own, catalogue), catalogue)


def _partly_foreign(rng: np.random.Generator, own: str, catalogue: Catalogue) -> list[str]:
    """The objects that lack one affordance, drawn at random, of the object ``own``.

    The view records the affordances it must not be used for. Empty if no other object lacks any.
    """
    affordances = catalogue.affordances
    names = set(catalogue.objects) - {own}
    shared = {name: affordances[own] & affordances[name] for name in names}
    lacking = [
        affordance
        for affordance in sorted(affordances[own])
        if any(affordance not in common for common in shared.values())
    ]
    if not lacking:
        return []
    query = lacking[int(rng.integers(len(lacking)))]
    return sorted(name for name, common in shared.items() if query not in common)


def _images_of(
    rng: np.random.Generator, names: Sequence[str], catalogue: Catalogue
) -> tuple[int, ...]:
    """Three images of objects with ``names``; none without names."""
    if not names:
        return ()
    drawn = []
    for name in (names[int(rng.integers(len(names)))] for _ in range(3)):
        candidates = [i for i, object_name in enumerate(catalogue.objects) if object_name == name]
        drawn.append(candidates[int(rng.integers(len(candidates)))])
    return tuple(drawn)
