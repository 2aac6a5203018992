"""Object families as they look: a classifier on frozen tokens, kept in a small file.

The vector of an object (its tokens, and the logarithms of its extents) is projected on the axes
that tell the families of the training scenes apart (linear discriminant analysis); its
probability of a family falls with the squared distance to the family's middle there. An object
that is less like every training object of its likeliest family than most of these are to each
other is not known: it may be of another family.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import softmax

from affordance_grasp.choice.instances import Instance
from affordance_grasp.choice.knowledge import Knowledge
from affordance_grasp.configuration.documents import parse_json
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import CheckpointError, InvalidInput
from affordance_grasp.files import write_file
from affordance_grasp.geometry import Floats
from affordance_grasp.scene.cloud import TableScene
from affordance_grasp.share import share_path

FORMAT = "affordance_grasp.families.1"
SHIPPED = "models/families.safetensors"
STORED: Mapping[str, type[np.generic]] = {
    "mean": np.float32,
    "axes": np.float32,
    "centres": np.float32,
    "prototypes": np.float16,
    "of": np.int64,
    "farthest": np.float32,
}
"""The arrays of a model in its file."""
EXTENTS_WEIGHT, LEAST_EXTENT_M = 0.4, 0.004
"""Of the logarithms of extents beside tokens of length 1, and the lowest height that is told."""


class RecogniserProtocol(Protocol):
    """Anything that tells of what family the objects on a table are."""

    knowledge: Knowledge

    def recognise(
        self, frame: RgbdFrame, scene: TableScene, instances: Sequence[Instance]
    ) -> tuple[Instance, ...]:
        """The same objects, with their families."""
        ...


@dataclass(frozen=True, eq=False)
class FamilyModel:
    """What was learnt of F families from vectors of D numbers, the last three of them extents.

    ``serves``: family -> affordances. ``mean`` (D,), ``axes`` (D, K): the projection.
    ``centres`` (F, K): the families' middles. ``prototypes`` (P, K) and ``of`` (P,): objects of
    the training scenes, and their families' numbers. ``temperature``: of the probabilities.
    ``farthest`` (F,): distance to the nearest prototype up to which an object is known.
    """

    serves: Mapping[str, tuple[str, ...]]
    backbone: str
    backbone_sha256: str
    image_side: int
    mean: Floats
    axes: Floats
    centres: Floats
    prototypes: Floats
    of: NDArray[np.int64]
    temperature: float
    farthest: Floats
    training: Mapping[str, Any]

    @property
    def families(self) -> tuple[str, ...]:
        """The families, in the order of the centres."""
        return tuple(self.serves)

    @property
    def knowledge(self) -> Knowledge:
        """What each family serves."""
        return Knowledge({name: frozenset(verbs) for name, verbs in self.serves.items()})

    def probabilities(self, vectors: NDArray[np.float32]) -> tuple[Floats, NDArray[np.bool_]]:
        """Probability (N, F) of every family for vectors (N, D), and which are known (N,)."""
        at = (vectors - self.mean) @ self.axes
        squared = cdist(at, self.centres, "sqeuclidean")
        probability = softmax(-squared / (2 * self.temperature), axis=1)
        best = probability.argmax(axis=1)
        gaps = np.where(self.of == best[:, None], cdist(at, self.prototypes), np.inf)
        return probability, gaps.min(axis=1) <= self.farthest[best]


def write_families(path: Path, model: FamilyModel) -> None:
    """Write a model, its arrays as :data:`STORED` has them."""
    from safetensors.numpy import save

    tensors = {name: getattr(model, name).astype(kind) for name, kind in STORED.items()}
    info = {
        "serves": {name: list(verbs) for name, verbs in model.serves.items()},
        "backbone": model.backbone,
        "backbone_sha256": model.backbone_sha256,
        "image_side": model.image_side,
        "temperature": model.temperature,
        "training": dict(model.training),
    }
    write_file(path, save(tensors, {"format": FORMAT, "info": json.dumps(info)}))


def load_families(path: Path | None = None) -> FamilyModel:
    """The families of a file, by default of the one that comes with the package.

    Raises:
        CheckpointError: it is missing, corrupt or no such file.
    """
    from safetensors import SafetensorError, safe_open

    path = path or share_path(SHIPPED)
    try:
        with safe_open(path, framework="numpy") as stored:
            about = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        if about.get("format") != FORMAT:
            raise InvalidInput(f"its format is {about.get('format')!r}, expected {FORMAT!r}")
        info = parse_json(about["info"], "info")
        return _checked(info, tensors)
    except (SafetensorError, OSError, InvalidInput, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"families {path} cannot be used: {error}") from error


def _checked(info: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> FamilyModel:
    """The model, where the arrays fit each other and hold numbers."""
    for name, array in tensors.items():
        if not np.isfinite(array).all():
            raise InvalidInput(f"{name} holds NaN or infinity")
    model = FamilyModel(
        serves={str(name): tuple(verbs) for name, verbs in info["serves"].items()},
        backbone=str(info["backbone"]),
        backbone_sha256=str(info["backbone_sha256"]),
        image_side=int(info["image_side"]),
        temperature=float(info["temperature"]),
        training=info["training"],
        **{n: tensors[n].astype(np.int64 if n == "of" else float) for n in STORED},
    )
    families, (dim, axes) = len(model.serves), model.axes.shape
    shapes = (model.mean.shape, model.centres.shape, model.farthest.shape)
    fits = shapes == ((dim,), (families, axes), (families,))
    listed = len(model.of) == len(model.prototypes) and set(model.of) == set(range(families))
    if not (fits and listed and model.prototypes.shape[1:] == (axes,) and model.temperature > 0):
        raise InvalidInput("its arrays do not fit each other")
    return model


Embed = Callable[[NDArray[np.uint8], NDArray[np.int32], Sequence[int]], NDArray[np.float32]]
"""Image, labels (H, W) and N of these -> their vectors (N, D - 3), as of :mod:`features`."""


class Recogniser:
    """Tells the families of objects in an image by their vectors."""

    def __init__(self, model: FamilyModel, embed: Embed) -> None:
        self.model, self.knowledge, self._embed = model, model.knowledge, embed

    def recognise(
        self, frame: RgbdFrame, scene: TableScene, instances: Sequence[Instance]
    ) -> tuple[Instance, ...]:
        """See :class:`RecogniserProtocol`."""
        labels = [instance.label for instance in instances]
        tokens = self._embed(frame.color, scene.cloud.labels, labels)
        probability, known = self.model.probabilities(with_extents(tokens, instances))
        return tuple(
            replace(
                instance,
                families=dict(zip(self.model.families, map(float, row), strict=True)),
                known=bool(is_known),
            )
            for instance, row, is_known in zip(instances, probability, known, strict=True)
        )


def with_extents(
    tokens: NDArray[np.float32], instances: Sequence[Instance]
) -> NDArray[np.float32]:
    """Vectors (N, D) of objects: their tokens (N, D - 3) and their extents."""
    extents_m = [(i.length_m, i.height_m, i.size_m) for i in instances]
    logs = EXTENTS_WEIGHT * np.log(np.maximum(extents_m, LEAST_EXTENT_M))
    return np.concatenate([tokens, logs], axis=1).astype(np.float32)


def load_recogniser(device: str = "cpu", path: Path | None = None) -> Recogniser:
    """The recogniser of a file, by default that of the package; its backbone loads on first use.

    Raises:
        CheckpointError: the file cannot be used, or, on first use, other weights are installed.
    """
    model = load_families(path)

    @cache
    def embedder() -> Embed:
        from affordance_grasp.choice.features import InstanceEmbedder

        return InstanceEmbedder(model.backbone, model.image_side, model.backbone_sha256, device)

    def embed(
        color: NDArray[np.uint8], labels: NDArray[np.int32], wanted: Sequence[int]
    ) -> NDArray[np.float32]:
        return embedder()(color, labels, wanted)

    return Recogniser(model, embed)
