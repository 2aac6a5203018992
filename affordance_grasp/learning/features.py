"""Tokens of a frozen backbone, computed once and kept on disk.

A frozen encoder gives the same tokens for the same view in every epoch. So every egocentric train
picture gets a fixed set of augmented views, every exocentric and test picture one plain view, and
their tokens are stored as float16, memory-mapped. The folder is named after everything they depend
on: the weights, the pictures' contents, the views. A picture that is filed under several
affordances is encoded once. A stopped run goes on where it was.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor

from affordance_grasp.errors import InvalidInput
from affordance_grasp.learning.agd20k import (
    Picture,
    Split,
    content_digest,
    corrupt_pictures,
    read_color,
)
from affordance_grasp.learning.views import View, ViewPlan

Progress = Callable[..., Iterable[tuple[int, ...]]]
PLAIN_VIEW = (View(),)
OPEN_PICTURES = 64


class Encoder(Protocol):
    """What is needed of a backbone (see ``grounding.backbones``)."""

    sha256: str
    grid: int

    @property
    def spec(self) -> "EncoderSpec":
        """Name, channels and colour statistics."""

    def tokens(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, S, S) -> (B, 1 + grid^2, dim)."""


class EncoderSpec(Protocol):
    """The part of ``grounding.backbones.BackboneSpec`` that is read here."""

    name: str
    dim: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True)
class Encoding:
    """How tokens are computed: images per batch, and bfloat16 autocast or plain float32."""

    batch: int = 16
    bfloat16: bool = False


@dataclass(frozen=True)
class TokenStore:
    """Tokens of distinct pictures: ``tokens`` (N, V, 1 + grid^2, dim) float16, memory-mapped.

    ``views`` (N, V) says how each was made; ``row_of`` maps the path of every picture to its row.
    """

    tokens: NDArray[np.float16]
    views: tuple[tuple[View, ...], ...]
    row_of: dict[Path, int]


@dataclass(frozen=True)
class FeatureSet:
    """The three stores of one split."""

    ego: TokenStore
    exo: TokenStore
    test: TokenStore


def cache_features(
    split: Split,
    encoder: Encoder,
    plan: ViewPlan,
    folder: Path,
    *,
    encoding: Encoding = Encoding(),
    progress: Progress | None = None,
) -> FeatureSet:
    """Tokens of all pictures of a split below ``folder``; what is there already is kept."""
    ego = _distinct(split.train_ego)
    objects = [pictures[0].object for pictures in ego.values()]
    affordances = {name: split.affordances_of(name) for name in set(objects)}
    views = [plan.draw(i, objects, affordances) for i in range(len(objects))]
    return FeatureSet(
        ego=_Store("ego", ego, views, encoder, encoding).filled(folder, progress),
        exo=_plain_store("exo", split.train_exo, encoder, encoding).filled(folder, progress),
        test=cache_test_features(split, encoder, folder, encoding=encoding, progress=progress),
    )


def cache_test_features(
    split: Split,
    encoder: Encoder,
    folder: Path,
    *,
    encoding: Encoding = Encoding(),
    progress: Progress | None = None,
) -> TokenStore:
    """Tokens of the test pictures alone."""
    pictures = [item.picture for item in split.test]
    return _plain_store("test", pictures, encoder, encoding).filled(folder, progress)


def without_corrupt(split: Split) -> tuple[Split, list[str]]:
    """The split without the pictures that cannot be decoded, and a sentence for each of them."""
    bad = {p.path: sentence for p, sentence in corrupt_pictures(_all_pictures(split))}
    good = replace(
        split,
        train_ego=tuple(p for p in split.train_ego if p.path not in bad),
        train_exo=tuple(p for p in split.train_exo if p.path not in bad),
        test=tuple(item for item in split.test if item.picture.path not in bad),
    )
    return good, list(bad.values())


class _Store:
    """One file of tokens while it is being filled."""

    def __init__(
        self,
        name: str,
        pictures: dict[str, list[Picture]],
        views: Sequence[tuple[View, ...]],
        encoder: Encoder,
        encoding: Encoding,
    ) -> None:
        self.name = name
        self.views = tuple(views)
        self.encoder = encoder
        self.encoding = encoding
        self.paths = [copies[0].path for copies in pictures.values()]
        self.row_of = {
            copy.path: row for row, copies in enumerate(pictures.values()) for copy in copies
        }
        self.key = _key(encoder, list(pictures), self.views, encoding)

    def filled(self, folder: Path, progress: Progress | None) -> TokenStore:
        """Compute the rows that are not on disk yet."""
        path = folder / f"{self.name}-{self.key[:16]}.npy"
        spec, grid = self.encoder.spec, self.encoder.grid
        shape = (len(self.paths), len(self.views[0]), 1 + grid**2, spec.dim)
        done_path = path.with_suffix(".done.npy")
        if not path.exists():
            done_path.unlink(missing_ok=True)
        tokens = _open(path, np.dtype(np.float16), shape)
        done = _open(done_path, np.dtype(np.bool_), shape[:2])
        due = [(int(row), int(view)) for row, view in np.argwhere(~done)]
        if due:
            steps = progress(due, desc=f"{self.name} tokens") if progress else due
            for chunk in _chunks(steps, self.encoding.batch):
                rows, columns = map(list, zip(*chunk, strict=True))
                tokens[rows, columns] = self._encode(chunk)
                done[rows, columns] = True
        tokens.flush()
        done.flush()
        return TokenStore(np.load(path, mmap_mode="r"), self.views, self.row_of)

    @torch.inference_mode()
    def _encode(self, chunk: list[tuple[int, ...]]) -> NDArray[np.float16]:
        spec = self.encoder.spec
        images = np.stack([self._image(row, view) for row, view in chunk])
        normalised = (images - np.array(spec.mean)) / np.array(spec.std)
        batch = torch.from_numpy(normalised.transpose(0, 3, 1, 2).copy()).float()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.encoding.bfloat16):
            tokens = self.encoder.tokens(batch)
        return np.asarray(tokens.float().numpy(), np.float16)

    def _image(self, row: int, column: int) -> NDArray[np.float32]:
        view = self.views[row][column]
        others = [_recent_color(self.paths[other]) for other in view.others]
        return view.image(_recent_color(self.paths[row]), others)


@lru_cache(maxsize=OPEN_PICTURES)
def _recent_color(path: Path) -> NDArray[np.uint8]:
    return read_color(path)


def _plain_store(
    name: str, pictures: Sequence[Picture], encoder: Encoder, encoding: Encoding
) -> _Store:
    distinct = _distinct(pictures)
    return _Store(name, distinct, [PLAIN_VIEW] * len(distinct), encoder, encoding)


def _all_pictures(split: Split) -> Iterator[Picture]:
    yield from split.train_ego
    yield from split.train_exo
    yield from (item.picture for item in split.test)


def _distinct(pictures: Iterable[Picture]) -> dict[str, list[Picture]]:
    groups: dict[str, list[Picture]] = {}
    for picture in pictures:
        groups.setdefault(content_digest(picture.path), []).append(picture)
    return groups


def _key(
    encoder: Encoder, contents: list[str], views: tuple[tuple[View, ...], ...], encoding: Encoding
) -> str:
    depends_on = {
        "backbone": encoder.sha256,
        "contents": contents,
        "bfloat16": encoding.bfloat16,
        "views": [[_plain(view) for view in row] for row in views],
    }
    return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()


def _plain(view: View) -> dict[str, object]:
    return {**asdict(view), "foreign": sorted(view.foreign)}


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
    found = open_memmap(path, mode="r+")
    if found.shape != shape or found.dtype != dtype:
        raise InvalidInput(
            f"feature cache {path} holds {found.dtype} {found.shape} instead of {dtype} {shape}; "
            "remove it"
        )
    return found
