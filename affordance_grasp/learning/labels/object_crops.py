"""Objects cut out of images: square crops as a frozen encoder sees them, and whole-object masks.

PLSP's stage A also segments whole objects; their masks lie in
``trainset/whole_obj_mask_{ego,exo}/<affordance>/<object>/<stem>_pl.png``, as the released code
has them, so that masks of any origin can be put there.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datasets.agd20k import ImageFile, Split
from affordance_grasp.datasets.detections import Detections, RecordedDetector
from affordance_grasp.datasets.stitching import squash
from affordance_grasp.errors import InvalidInput
from affordance_grasp.image_files import read_color, read_gray
from affordance_grasp.learning.labels.masking import Mask, Masker, box_region
from affordance_grasp.learning.labels.pseudo_labels import pseudo_label, save_mask

Perspective = Literal["ego", "exo"]


@dataclass(frozen=True)
class ObjectMasks:
    """Whole-object boxes and masks of a split's train images."""

    split: Split
    detector: RecordedDetector

    def detections(self, image: ImageFile, perspective: Perspective) -> Detections | None:
        """Boxes of the whole object, None where it was not found."""
        find = self.detector.object_ego if perspective == "ego" else self.detector.object_exo
        return find(image)

    def path(self, image: ImageFile, perspective: Perspective) -> Path:
        """The file of an image's mask."""
        folder = self.split.folder / f"trainset/whole_obj_mask_{perspective}"
        return folder / image.affordance / image.object / f"{image.path.stem}_pl.png"

    def read(self, image: ImageFile, perspective: Perspective) -> Mask:
        """The mask (H, W) of an image."""
        return read_gray(self.path(image, perspective)) >= 128

    def write(
        self,
        images: Iterable[tuple[ImageFile, Perspective]],
        masker: Masker,
        overwrite: bool = False,
    ) -> None:
        """Segment the whole object wherever it was found; masks that exist are kept.

        The same steps as for parts: kept boxes, rim check, small holes, union.
        """
        for image, perspective in images:
            path = self.path(image, perspective)
            found = self.detections(image, perspective)
            if found is None or (path.exists() and not overwrite):
                continue
            mask_of = masker.open_image(read_color(image.path), found.best)
            save_mask(path, pseudo_label(mask_of, found, masker.may_invert))


def pad_square(image: NDArray[np.generic]) -> tuple[NDArray[np.generic], int, int]:
    """An image or map (H, W[, C]) in the middle of a zero square; also its left and top there."""
    height, width = image.shape[:2]
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    square = np.zeros((side, side, *image.shape[2:]), image.dtype)
    square[top : top + height, left : left + width] = image
    return square, left, top


def square_crop(
    image: NDArray[np.generic], region: tuple[slice, slice], side: int
) -> NDArray[np.float32]:
    """A region of an image or map, padded to a square and resized: (side, side[, C]) float32."""
    return squash(pad_square(image[region])[0], side)


def object_patches(
    mask: Mask, region: tuple[slice, slice], side: int, grid: int
) -> NDArray[np.float32]:
    """(grid^2,) 1 where more than half of a patch of the region's crop is object, else 0."""
    crop = square_crop(mask.astype(np.float32), region, side)
    cell = side // grid
    share = crop.reshape(grid, cell, grid, cell).mean(axis=(1, 3))
    return (share > 0.5).astype(np.float32).ravel()


@dataclass(frozen=True)
class ObjectVectors:
    """Mean frozen features (N, D) of the object in N images, of norm 1; ``valid`` (N,)."""

    vectors: NDArray[np.float32]
    valid: NDArray[np.bool_]


def object_vectors(
    images: Iterable[tuple[ImageFile, Perspective]],
    masks: ObjectMasks,
    encode: Callable[[NDArray[np.float32]], NDArray[np.float16]],
    side: int,
) -> ObjectVectors:
    """Features averaged over the patches that are object in the crop of the best box.

    Not valid, and zero, where there is no box or no patch is object. ``encode``: images
    (B, S, S, 3) in 0..1 -> tokens (B, 1 + grid^2, D).
    """
    means = [_object_mean(p, view, masks, encode, side) for p, view in images]
    known = next((mean for mean in means if mean is not None), None)
    if known is None:
        raise InvalidInput(
            f"no object is found and segmented in any of the {len(means)} images below "
            f"{masks.split.folder / 'trainset'}; check objects_ego and objects_exo of its boxes"
        )
    zero = np.zeros_like(known)
    vectors = np.stack([zero if mean is None else mean for mean in means])
    return ObjectVectors(vectors, np.array([mean is not None for mean in means]))


def _object_mean(
    image: ImageFile,
    perspective: Perspective,
    masks: ObjectMasks,
    encode: Callable[[NDArray[np.float32]], NDArray[np.float16]],
    side: int,
) -> NDArray[np.float32] | None:
    found = masks.detections(image, perspective)
    if found is None:
        return None
    color, mask = read_color(image.path), masks.read(image, perspective)
    region = box_region(found.best, color.shape)
    tokens = encode(square_crop(color, region, side)[None] / np.float32(255))[0, 1:]
    patches = object_patches(mask, region, side, round(len(tokens) ** 0.5))
    mean = patches @ tokens.astype(np.float32)
    length = float(np.linalg.norm(mean))
    return None if length == 0 else np.asarray(mean / length, np.float32)
