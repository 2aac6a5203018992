"""How object families look: learnt from simulated scenes with several objects each.

A scene is rendered as the wrist camera sees it, segmented as any frame is, and every object that
was found is embedded. Linear discriminant analysis tells the families apart; what an object of
another family would look like, the scenes tell that were left out of each of the folds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import log_softmax

from affordance_grasp.choice.families import FamilyModel, with_extents
from affordance_grasp.choice.features import InstanceEmbedder
from affordance_grasp.choice.instances import find_instances
from affordance_grasp.control.robot import RobotConfig, load_robot
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import InvalidInput, NoObject
from affordance_grasp.geometry import Floats, transform_points
from affordance_grasp.scene.cloud import TableScene, segment_scene
from affordance_grasp.simulation.cell.clutter import Neighbour
from affordance_grasp.simulation.cell.crowd import nearest_of, random_crowd
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.simulation.dataset.functional_parts import affordances_of
from affordance_grasp.simulation.objects import FAMILIES

BACKBONE, IMAGE_SIDE = "dinov2_vits14", 112
OBJECTS = 7
"""Objects that a scene asks for; what finds no room is left out."""
FOLDS = 5
SHRINKAGE = 0.5
"""Share of the mean variance that is added to all: there are more numbers than objects."""
TEMPERATURES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
KNOWN = 0.97
"""Share of the objects of a family that are known as it."""


@dataclass(frozen=True)
class FamilyScene:
    """A scene by its number, and which families may stand in it."""

    seed: int
    first_object: int = 0
    families: tuple[str, ...] = tuple(FAMILIES)

    @property
    def drawn(self) -> tuple[str, ...]:
        """The families that it asks for, each once."""
        rng = np.random.default_rng([self.seed, 5])
        return tuple(str(name) for name in rng.permutation(sorted(self.families))[:OBJECTS])


@dataclass(frozen=True, eq=False)
class Photographed:
    """A scene as it was seen: ``T_base_cam`` (4, 4) and what truly stands there."""

    frame: RgbdFrame
    T_base_cam: Floats
    crowd: tuple[Neighbour, ...]

    def family_at(self, point_cam: Floats) -> str:
        """Family of the object at a point (3,) in the optical frame."""
        place = nearest_of(self.crowd, transform_points(self.T_base_cam, point_cam))
        return self.crowd[place].household_object.family


@dataclass(frozen=True, eq=False)
class Embedded:
    """Objects of one scene: vectors (N, D) and families."""

    scene: int
    vectors: NDArray[np.float32]
    families: tuple[str, ...]


def load_setup() -> tuple[RobotConfig, InstanceEmbedder]:
    """The robot whose camera looks, and the backbone."""
    return load_robot(), InstanceEmbedder(BACKBONE, IMAGE_SIDE)


def photograph(
    robot: RobotConfig, families: tuple[str, ...], seed: int, first_object: int
) -> Photographed:
    """A scene with objects of these families, from the camera at home."""
    crowd = random_crowd(robot, families, seed, first_object)
    first = crowd[0]
    with World(
        robot, first.household_object, first.T_base_object, seed, neighbours=crowd[1:]
    ) as world:
        return Photographed(world.observe(), world.T_base_cam, crowd)


def embed_scene(setup: tuple[RobotConfig, InstanceEmbedder], scene: FamilyScene) -> Embedded:
    """Render a scene and embed the objects that are found in it."""
    robot, embed = setup
    seen = photograph(robot, scene.drawn, scene.seed, scene.first_object)
    try:
        found: TableScene = segment_scene(seen.frame)
    except (NoObject, InvalidInput):
        return Embedded(scene.seed, np.zeros((0, 1), np.float32), ())
    instances = find_instances(seen.frame, found)
    tokens = embed(seen.frame.color, found.cloud.labels, [i.label for i in instances])
    families = tuple(seen.family_at(instance.centre_cam) for instance in instances)
    return Embedded(scene.seed, with_extents(tokens, instances), families)


def fit_families(
    scenes: Sequence[Embedded], backbone_sha256: str, about: Mapping[str, Any]
) -> FamilyModel:
    """The model of all families that occur in the scenes; ``about``: how these were made.

    Raises:
        InvalidInput: a family occurs fewer than twice as often as there are folds.
    """
    scenes = [scene for scene in scenes if scene.families]
    vectors = np.concatenate([scene.vectors for scene in scenes]).astype(float)
    names = [family for scene in scenes for family in scene.families]
    known = [family for family in FAMILIES if family in names]
    rare = [family for family in known if names.count(family) < 2 * FOLDS]
    if rare:
        raise InvalidInput(f"too few objects of {', '.join(rare)} in the scenes; take more scenes")
    of = np.array([known.index(name) for name in names])
    fold = np.repeat([scene.scene % FOLDS for scene in scenes], [len(s.families) for s in scenes])
    held_out = [_held_out(vectors, of, fold == k) for k in range(FOLDS)]
    squared = np.concatenate([h[0] for h in held_out])
    nearest, truth = (np.concatenate([h[i] for h in held_out]) for i in (1, 2))
    temperature = min(TEMPERATURES, key=lambda t: _surprise(squared, truth, t))
    mean, axes, centres = _discriminants(vectors, of)
    right = squared.argmin(axis=1) == truth
    return FamilyModel(
        serves={family: affordances_of(family) for family in known},
        backbone=BACKBONE,
        backbone_sha256=backbone_sha256,
        image_side=IMAGE_SIDE,
        mean=mean,
        axes=axes,
        centres=centres,
        prototypes=(vectors - mean) @ axes,
        of=of,
        temperature=temperature,
        farthest=np.array(
            [np.quantile(nearest[right & (truth == f)], KNOWN) for f in range(len(known))]
        ),
        training={**about, "objects": len(of), "held_out_right": round(float(right.mean()), 4)},
    )


def _discriminants(vectors: Floats, of: NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
    """Mean (D,), axes (D, F - 1) in units of the spread within families, centres (F, F - 1)."""
    classes = np.unique(of)
    mean = vectors.mean(axis=0)
    middles = np.array([vectors[of == c].mean(axis=0) for c in classes])
    within = vectors - middles[np.searchsorted(classes, of)]
    spread = within.T @ within / len(vectors)
    spread += SHRINKAGE * np.trace(spread) / len(spread) * np.eye(len(spread))
    root = np.linalg.cholesky(np.linalg.inv(spread))
    _, _, directions = np.linalg.svd((middles - mean) @ root, full_matrices=False)
    axes = root @ directions[: len(classes) - 1].T
    return mean, axes, (middles - mean) @ axes


def _held_out(
    vectors: Floats, of: NDArray[np.intp], out: NDArray[np.bool_]
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Of objects left out: squared distances to the centres, distance to their family, family."""
    mean, axes, centres = _discriminants(vectors[~out], of[~out])
    at, rest = (vectors[out] - mean) @ axes, (vectors[~out] - mean) @ axes
    squared, gaps = cdist(at, centres, "sqeuclidean"), cdist(at, rest)
    gaps[of[out][:, None] != of[~out]] = np.inf
    return squared, gaps.min(axis=1), of[out]


def _surprise(squared: Floats, truth: NDArray[np.intp], temperature: float) -> float:
    """Mean negative logarithm of the probability of the true family."""
    logits = log_softmax(-squared / (2 * temperature), axis=1)
    return -float(logits[np.arange(len(truth)), truth].mean())
