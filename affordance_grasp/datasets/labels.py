"""The files of pseudo labels in a data set in AGD20K's layout."""

from pathlib import Path
from typing import Literal

from affordance_grasp.datasets.agd20k import ImageFile, Split

Labels = Literal["initial", "refined"]


def label_path(split: Split, image: ImageFile) -> Path:
    """The pseudo label's file of an egocentric train image."""
    folder = split.folder / "trainset/PL" / image.affordance / image.object
    return folder / f"{image.path.stem}_pl.png"


def refined_label_path(split: Split, image: ImageFile) -> Path:
    """The refined label's file (stage B) of an egocentric train image."""
    folder = split.folder / "trainset/PL_refined" / image.affordance / image.object
    return folder / f"{image.path.stem}.png"


def rejected_path(split: Split) -> Path:
    """The names of the images whose labels a person rejected: they are not made again."""
    return split.folder / "trainset/PL/rejected.json"


def label_for_training(split: Split, image: ImageFile, labels: Labels) -> Path:
    """The label's file for training; ``refined``: the initial one where none was refined.

    Refined labels of the released code are JPEG.
    """
    refined = refined_label_path(split, image)
    for path in (refined, refined.with_suffix(".jpg")) if labels == "refined" else ():
        if path.exists():
            return path
    return label_path(split, image)
