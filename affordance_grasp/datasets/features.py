"""What a frozen backbone says of images, computed once and kept on disk.

A frozen encoder gives the same rows for the same view in every epoch. So every train image gets
a fixed set of views, every test image one plain view, and their rows are stored as float16,
memory-mapped. The folder is named after everything they depend on: the weights, the images'
contents, the views. An image that is filed under several affordances is encoded once. A stopped
run goes on where it was.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from affordance_grasp.datasets.agd20k import (
    ImageFile,
    Split,
    content_digest,
    corrupt_files,
    read_color,
    refuse_lost_classes,
)
from affordance_grasp.datasets.images import (
    ImageView,
    Reader,
    ViewPlan,
    ViewSource,
    catalogue_of,
    fresh_test_images,
)
from affordance_grasp.errors import InvalidInput

Progress = Callable[..., Iterable[tuple[int, ...]]]
OPEN_IMAGES = 64


@dataclass(frozen=True)
class Encoding:
    """How rows are computed: images per batch, and bfloat16 autocast or plain float32."""

    batch: int = 16
    bfloat16: bool = False


@dataclass(frozen=True)
class TokenStore:
    """Rows of distinct images: ``tokens`` (N, V, R, C) float16, memory-mapped.

    ``views`` (N, V) says how each was made; ``row_of`` maps the path of every image to its row.
    """

    tokens: NDArray[np.float16]
    views: tuple[tuple[ImageView, ...], ...]
    row_of: dict[Path, int]

    def views_of(self, path: Path, rng: np.random.Generator) -> tuple[ImageView, ...]:
        """The views of an image; they are always the same."""
        del rng
        return self.views[self.row_of[path]]

    def read(self, path: Path, view: ImageView) -> NDArray[np.float32]:
        """The rows (R, C) of one view of an image."""
        row = self.row_of[path]
        return np.asarray(self.tokens[row, self.views[row].index(view)], np.float32)


@dataclass(frozen=True)
class FeatureSet:
    """The stores of a split's train images."""

    ego: TokenStore
    exo: TokenStore


def cache_features(
    split: Split,
    reader: Reader,
    plan: ViewPlan,
    folder: Path,
    *,
    encoding: Encoding = Encoding(),
    progress: Progress | None = None,
) -> FeatureSet:
    """Rows of all train images of a split below ``folder``; what is there already is kept."""
    stores = []
    for name, images, draw in (
        ("ego", split.train_ego, plan.ego),
        ("exo", split.train_exo, plan.exo),
    ):
        distinct = _distinct(images)
        catalogue = catalogue_of(split, [copies[0] for copies in distinct.values()])
        views = [
            draw(np.random.default_rng([plan.seed, i]), i, catalogue) for i in range(len(distinct))
        ]
        store = _Store(name, distinct, views, reader, encoding)
        stores.append(store.filled(folder, progress))
    return FeatureSet(*stores)


def cache_plain_features(
    name: str,
    images: Sequence[ImageFile],
    reader: Reader,
    view: ImageView,
    folder: Path,
    *,
    encoding: Encoding = Encoding(),
    progress: Progress | None = None,
) -> TokenStore:
    """Rows of images in one ``view``, the same for all; ``name`` begins the file's name."""
    distinct = _distinct(images)
    store = _Store(name, distinct, [(view,)] * len(distinct), reader, encoding)
    return store.filled(folder, progress)


def cache_test_features(
    split: Split,
    reader: Reader,
    view: ImageView,
    folder: Path,
    *,
    encoding: Encoding = Encoding(),
    progress: Progress | None = None,
) -> TokenStore:
    """Rows of the test images, all in one ``view``."""
    images = [item.image for item in split.test]
    return cache_plain_features(
        "test", images, reader, view, folder, encoding=encoding, progress=progress
    )


def evaluation_views(
    split: Split,
    reader: Reader,
    view: ImageView,
    folder: Path,
    *,
    cached: bool,
    encoding: Encoding = Encoding(),
    progress: Progress | None = None,
) -> ViewSource:
    """The test images in one ``view``: ``cached`` rows, or read anew every time.

    A backbone that is trained with the network needs the latter.
    """
    if not cached:
        return fresh_test_images(split, view, reader)
    return cache_test_features(split, reader, view, folder, encoding=encoding, progress=progress)


def without_corrupt(split: Split) -> tuple[Split, list[str]]:
    """The split without the images that cannot be decoded, and a sentence for each of them.

    A test image goes with its ground truth. Refuses where too few are left.
    """
    bad = dict(corrupt_files(_all_files(split)))
    good = replace(
        split,
        train_ego=tuple(p for p in split.train_ego if p.path not in bad),
        train_exo=tuple(p for p in split.train_exo if p.path not in bad),
        test=tuple(i for i in split.test if i.image.path not in bad and i.truth not in bad),
    )
    if bad:
        refuse_lost_classes(good)
    return good, list(bad.values())


class _Store:
    """One file of rows while it is being filled."""

    def __init__(
        self,
        name: str,
        images: dict[str, list[ImageFile]],
        views: Sequence[tuple[ImageView, ...]],
        reader: Reader,
        encoding: Encoding,
    ) -> None:
        self.name = name
        self.views = tuple(views)
        self.reader = reader
        self.encoding = encoding
        self.paths = [copies[0].path for copies in images.values()]
        self.row_of = {
            copy.path: row for row, copies in enumerate(images.values()) for copy in copies
        }
        self.key = _key(reader, list(images), self.views, encoding)

    def filled(self, folder: Path, progress: Progress | None) -> TokenStore:
        """Compute the rows that are not on disk yet; where all are, no backbone runs."""
        path = folder / f"{self.name}-{self.key[:16]}.npy"
        done_path = path.with_suffix(".done.npy")
        if not path.exists():
            done_path.unlink(missing_ok=True)
        done = _open(done_path, np.dtype(np.bool_), (len(self.paths), len(self.views[0])))
        due = [(int(row), int(view)) for row, view in np.argwhere(~done)]
        if due:
            self._fill(path, done, due, progress)
        return TokenStore(_kept(path, "r"), self.views, self.row_of)

    def _fill(
        self,
        path: Path,
        done: np.memmap,
        due: Sequence[tuple[int, ...]],
        progress: Progress | None,
    ) -> None:
        """The first rows that are computed say what shape all have."""
        steps = progress(due, desc=f"{self.name} {self.reader.reads}") if progress else due
        tokens: np.memmap | None = None
        for chunk in _chunks(steps, self.encoding.batch):
            rows, columns = map(list, zip(*chunk, strict=True))
            images = np.stack([self._image(row, view) for row, view in chunk])
            found = self.reader.rows(images, self.encoding.bfloat16)
            if tokens is None:
                tokens = _open(path, found.dtype, (*done.shape, *found.shape[1:]))
            tokens[rows, columns] = found
            done[rows, columns] = True
        if tokens is not None:
            tokens.flush()
        done.flush()

    def _image(self, row: int, column: int) -> NDArray[np.float32]:
        view = self.views[row][column]
        others = [_recent_color(self.paths[other]) for other in view.others]
        return view.image(_recent_color(self.paths[row]), others)


@lru_cache(maxsize=OPEN_IMAGES)
def _recent_color(path: Path) -> NDArray[np.uint8]:
    return read_color(path)


def _all_files(split: Split) -> Iterator[Path]:
    yield from (image.path for image in (*split.train_ego, *split.train_exo))
    for item in split.test:
        yield from (item.image.path, item.truth)


def _distinct(images: Iterable[ImageFile]) -> dict[str, list[ImageFile]]:
    groups: dict[str, list[ImageFile]] = {}
    for image in images:
        groups.setdefault(content_digest(image.path), []).append(image)
    return groups


def _key(
    reader: Reader,
    contents: list[str],
    views: tuple[tuple[ImageView, ...], ...],
    encoding: Encoding,
) -> str:
    if not reader.sha256:
        raise InvalidInput(
            f"rows of {reader.reads} of a backbone without a digest cannot be kept: another "
            "backbone's would be taken for them"
        )
    depends_on = {
        "backbone": reader.sha256,
        "reads": reader.reads,
        "contents": contents,
        "bfloat16": encoding.bfloat16,
        "views": [[_plain(view) for view in row] for row in views],
    }
    return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()


def _plain(view: Any) -> dict[str, object]:
    fields = asdict(view)
    return {n: sorted(v) if isinstance(v, frozenset) else v for n, v in fields.items()}


def _chunks(items: Iterable[tuple[int, ...]], size: int) -> Iterator[list[tuple[int, ...]]]:
    chunk: list[tuple[int, ...]] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _open(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> np.memmap:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        return open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    found = _kept(path, "r+")
    if found.shape != shape or found.dtype != dtype:
        raise InvalidInput(
            f"feature cache {path} holds {found.dtype} {found.shape} instead of {dtype} {shape}; "
            "remove it"
        )
    return found


def _kept(path: Path, mode: Literal["r", "r+"]) -> np.memmap:
    try:
        open_memmap(path, mode="r")  # opened for writing, a short file would grow by zeros
        return open_memmap(path, mode=mode)
    except (OSError, EOFError, ValueError) as error:
        raise InvalidInput(f"feature cache {path} is corrupt; remove it ({error})") from error
