"""The feature cache: features of images by a frozen backbone, computed once and stored on disk.

A frozen encoder gives the same features for the same view in every epoch. So every train image
gets a fixed set of views, every test image one plain view, and their features are stored as
float16, memory-mapped. The file is named after everything they depend on: the weights, the
images' contents, the views. An image that is filed under several affordances is encoded once. A
stopped run is resumed where it was.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from affordance_grasp.datasets.agd20k import ImageFile, content_digest, grouped
from affordance_grasp.datasets.images import FrozenEncoder, ImageView, ViewedImages
from affordance_grasp.errors import InvalidInput, writing
from affordance_grasp.image_files import read_color

Progress = Callable[..., Iterable[tuple[int, ...]]]
Views = tuple[tuple[ImageView, ...], ...]
OPEN_IMAGES = 64


@dataclass(frozen=True)
class CachedFeatures:
    """Features of distinct images: ``values`` (N, V, R, C) float16, memory-mapped.

    ``views`` (N, V): the view of each; ``row_of`` maps the path of every image to its row.
    """

    values: NDArray[np.float16]
    views: Views
    row_of: dict[Path, int]

    def views_of(self, path: Path, rng: np.random.Generator) -> tuple[ImageView, ...]:
        """The views of an image; they are always the same."""
        del rng
        return self.views[self.row_of[path]]

    def read(self, path: Path, view: ImageView) -> NDArray[np.float32]:
        """The features (R, C) of one view of an image."""
        row = self.row_of[path]
        return np.asarray(self.values[row, self.views[row].index(view)], np.float32)


@dataclass(frozen=True)
class FeatureCache:
    """Features that ``encoder`` gives, below ``folder``; ``progress`` wraps what is due.

    ``bfloat16``: by autocast, instead of plain float32; ``batch``: images at once.
    """

    folder: Path
    encoder: FrozenEncoder
    bfloat16: bool = False
    progress: Progress | None = None
    batch: int = 16

    def features(self, viewed: ViewedImages) -> CachedFeatures:
        """Features of images in their views; where all are cached, no backbone runs."""
        copies = grouped(viewed.images, content_digest)
        images = [alike[0] for alike in copies.values()]
        views = viewed.views(images)
        path = self.folder / f"{viewed.name}-{self._key(list(copies), views)[:16]}.npy"
        done_path = path.with_suffix(".done.npy")
        if not path.exists():
            done_path.unlink(missing_ok=True)
        done = _open(done_path, np.dtype(np.bool_), (len(images), len(views[0])))
        values: np.memmap | None = None
        for chunk in self._due(done, viewed.name):
            inputs = np.stack([_input(images, row, views[row][view]) for row, view in chunk])
            found = self.encoder.features(inputs, self.bfloat16)
            if values is None:  # all have the shape of the first
                values = _open(path, found.dtype, (*done.shape, *found.shape[1:]))
            rows, columns = map(list, zip(*chunk, strict=True))
            values[rows, columns] = found
            done[rows, columns] = True
        if values is not None:
            values.flush()
            done.flush()
        row_of = {image.path: row for row, alike in enumerate(copies.values()) for image in alike}
        return CachedFeatures(_cached(path, "r"), views, row_of)

    def _due(self, done: np.memmap, name: str) -> Iterator[list[tuple[int, ...]]]:
        """Rows and views of what is not done yet, in batches."""
        due = [(int(row), int(view)) for row, view in np.argwhere(~done)]
        wrap = self.progress if due else None
        items = iter(wrap(due, desc=f"{name} {self.encoder.kind}") if wrap else due)
        return iter(lambda: list(islice(items, self.batch)), [])

    def _key(self, contents: list[str], views: Views) -> str:
        encoder = self.encoder
        if not encoder.sha256:
            raise InvalidInput(
                f"{encoder.kind} of a backbone without a digest cannot be cached: another "
                "backbone's would be taken for them"
            )
        depends_on = {
            "backbone": encoder.sha256,
            "reads": encoder.kind,
            "contents": contents,
            "bfloat16": self.bfloat16,
            "views": [[_plain(view) for view in row] for row in views],
        }
        return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()


def _input(images: Sequence[ImageFile], row: int, view: ImageView) -> NDArray[np.float32]:
    others = [_recent_color(images[other].path) for other in view.others]
    return view.image(_recent_color(images[row].path), others)


@lru_cache(maxsize=OPEN_IMAGES)
def _recent_color(path: Path) -> NDArray[np.uint8]:
    return read_color(path)


def _plain(view: Any) -> dict[str, object]:
    fields = asdict(view)
    return {n: sorted(v) if isinstance(v, frozenset) else v for n, v in fields.items()}


def _open(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> np.memmap:
    if not path.exists():
        with writing(path):
            return _created(path, dtype, shape)
    found = _cached(path, "r+")
    if found.shape != shape or found.dtype != dtype:
        raise InvalidInput(
            f"feature cache {path} holds {found.dtype} {found.shape} instead of {dtype} {shape}; "
            "remove it"
        )
    return found


def _created(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> np.memmap:
    """A new file with its room on the disk: a full one would end the process in mid-write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    try:
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError:
        path.unlink()
        raise
    return values


def _cached(path: Path, mode: Literal["r", "r+"]) -> np.memmap:
    try:
        open_memmap(path, mode="r")  # opened for writing, a short file would grow by zeros
        return open_memmap(path, mode=mode)
    except (OSError, EOFError, ValueError) as error:
        raise InvalidInput(f"feature cache {path} is corrupt; remove it ({error})") from error
