"""PLSP's released files beside its weights: object boxes, similar images, features of sentences.

Nothing but tensors, arrays and plain values is unpickled.
"""

import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from affordance_grasp.configuration.documents import read_json
from affordance_grasp.datasets.agd20k import ImageFile, Split
from affordance_grasp.datasets.detections import RecordedDetector
from affordance_grasp.encoders.text import affordance_sentence, noun_sentence
from affordance_grasp.errors import CheckpointError, InvalidInput, reading
from affordance_grasp.files import read_bytes, write_file

SIMILARITIES = "trainset/CLIPsim"
SENTENCES = "sentenceFeat{}AGD.pth"
WIDTH = 512
MAX_BYTES = 2**30
MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
ALLOWED = {("numpy", "ndarray"), ("numpy", "dtype")} | {
    (module, name) for module in MODULES for name in ("_reconstruct", "scalar")
}
"""What arrays and numbers of numpy are rebuilt with."""


def merge_object_boxes(released: Sequence[Path], path: Path) -> int:
    """Boxes of whole objects from ``det_wholeobj_{ego,exo}.pth``, in that order, into ``path``.

    What the file holds of parts and prompts stays. Returns the number of images.
    """
    stored = read_json(path, "detector boxes") if path.exists() else {}
    if not isinstance(stored, dict):
        raise InvalidInput(f"{path} holds no tables of boxes")
    tables = {"parts": {}, **stored}
    names = ("objects_ego", "objects_exo")
    tables |= {n: _object_boxes(file) for n, file in zip(names, released, strict=True)}
    write_file(path, json.dumps(tables))
    RecordedDetector(path)  # refuses boxes that are none
    return sum(len(f) for n in names for objects in tables[n].values() for f in objects.values())


def _object_boxes(path: Path) -> dict[str, Any]:
    """Verb -> noun -> file -> boxes (N, 4) and N scores, as plain numbers."""
    table = _torch_file(path)
    try:
        return {
            verb: {
                noun: {file: _plain(*each) for file, each in files.items()}
                for noun, files in nouns.items()
            }
            for verb, nouns in table.items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} does not hold [boxes, scores] by verb, noun and file ({error})"
        ) from error


def _plain(boxes: Any, scores: Any) -> dict[str, list[Any]]:
    return {"boxes": torch.as_tensor(boxes).tolist(), "scores": [float(s) for s in scores]}


def _torch_file(path: Path) -> Any:
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist")
    with reading(f"{path} holds more than tensors and plain values", CheckpointError):
        return torch.load(path, map_location="cpu", weights_only=True)


@dataclass(frozen=True)
class Similarities:
    """How alike the objects on the images of a verb and noun are, as released.

    ``values`` (N, M): egocentric boxes against exocentric ones; ``rows``: file name and the box's
    number, written one after the other, -> row; ``columns``: the file and box of every column.
    """

    rows: Mapping[str, int]
    values: NDArray[np.floating[Any]]
    columns: Sequence[tuple[str, int]]

    def most_alike(self, file: str, box: int, size: int) -> list[tuple[str, int]]:
        """The ``size`` most similar exocentric boxes, the most similar first."""
        row = self.values[self.rows[f"{file}{box}"]]
        return [self.columns[int(column)] for column in np.argsort(-row, kind="stable")[:size]]


def read_similarities(path: Path) -> Similarities:
    """A file ``CLIPsim/VERB_NOUN.npy``.

    Raises:
        CheckpointError: it holds anything else than its three tables.
    """
    with reading(f"{path} does not hold image_dict, sim and exo_dict_rev", CheckpointError):
        values = _unpickled(read_bytes(path, "similarities", MAX_BYTES))
        columns = values["exo_dict_rev"]
        pairs = [(str(columns[i][0]), int(columns[i][1])) for i in range(len(columns))]
        rows = {str(name): int(row) for name, row in values["image_dict"].items()}
        table = np.asarray(values["sim"], float)
    if (
        table.ndim != 2
        or len(pairs) != table.shape[1]
        or max(rows.values(), default=0) >= len(table)
    ):
        raise CheckpointError(f"{path}: its matrix {table.shape} does not fit its names")
    return Similarities(rows, table, pairs)


def released_pools(split: Split, detector: RecordedDetector, size: int) -> list[NDArray[np.int64]]:
    """For every egocentric train image the places of similar exocentric ones, as released.

    The row of the object's best box counts; images that are not there any more do not.
    """
    tables = {
        pair: read_similarities(split.folder / SIMILARITIES / f"{pair[0]}_{pair[1]}.npy")
        for pair in sorted({image.pair for image in split.train_ego})
    }
    place = {(*image.pair, image.path.name): i for i, image in enumerate(split.train_exo)}
    return [_pool(tables[p.pair], p, detector, place, size) for p in split.train_ego]


def _pool(
    table: Similarities,
    image: ImageFile,
    detector: RecordedDetector,
    place: Mapping[tuple[str, str, str], int],
    size: int,
) -> NDArray[np.int64]:
    found = detector.object_ego(image)
    best = 0 if found is None else int(found.scores.argmax())
    if f"{image.path.name}{best}" not in table.rows:
        raise InvalidInput(f"released similarities do not know box {best} of {image.name}")
    alike = [(*image.pair, file) for file, _ in table.most_alike(image.path.name, best, size)]
    pool = np.array([place[key] for key in alike if key in place], np.int64)
    if not len(pool):
        raise InvalidInput(f"no image that released similarities name for {image.name} is there")
    return pool


class ReleasedSentences:
    """The released features of sentences in the place of a text encoder; their words are unknown.

    A verb, noun or part is asked for by this package's own sentence for it.
    """

    name = "clip_vitb16"
    dim = WIDTH

    def __init__(self, folder: Path, split: Split, detector: RecordedDetector) -> None:
        """Read ``sentenceFeat{Verb,Noun,Part}AGD.pth`` below the data set's root."""
        verbs, nouns, parts = (
            _torch_file(folder / SENTENCES.format(k)) for k in ("Verb", "Noun", "Part")
        )
        self._features: dict[str, Any] = {}
        for verb, noun in sorted({image.pair for image in split.train_ego}):
            prompt = detector.prompt(verb, noun) or noun_sentence(noun)
            self._features[prompt] = parts.get(f"{verb} {noun}")
            self._features[affordance_sentence(verb)] = verbs.get(verb)
            self._features[noun_sentence(noun)] = nouns.get(noun)
        for name, verb in ((affordance_sentence(verb), verb) for verb in verbs):
            self._features[name] = verbs[verb]

    def encode(self, sentences: Sequence[str]) -> Tensor:
        """Features (N, 512) of unit length.

        Raises:
            InvalidInput: a sentence that the released files have no feature for.
        """
        rows = []
        for sentence in sentences:
            feature = self._features.get(sentence)
            if not isinstance(feature, Tensor) or feature.numel() != WIDTH:
                raise InvalidInput(f"the released files hold no feature of {sentence!r}")
            rows.append(feature.float().flatten())
        return functional.normalize(torch.stack(rows), dim=1)


class _ArrayUnpickler(pickle.Unpickler):
    """Rebuilds numpy's arrays and numbers, and refuses every other class or function."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def _unpickled(encoded: bytes) -> dict[str, Any]:
    """The dictionary that numpy stored as an array of one object."""
    file = BytesIO(encoded)
    version = npy.read_magic(file)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
    shape, _, dtype = read(file)
    if shape != () or dtype.kind != "O":
        raise ValueError(f"an array of {dtype}, {shape}")
    values = _ArrayUnpickler(file).load()
    return dict(values.item() if isinstance(values, np.ndarray) else values)
