"""``python -m campaign.instances``: are the things of simulated scenes told apart?

Each scene has two to four things whose distances are exact to a tenth of a millimetre. A thing
counts as found where one label covers it with an intersection over union of ``FOUND`` among the
pixels that have depth.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time

import mujoco
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.geometry import Floats
from affordance_grasp.scene.cloud import segment_scene
from affordance_grasp.simulation.cell.placement import table_pose
from affordance_grasp.simulation.dataset.studio import orbit
from affordance_grasp.simulation.models.room import SceneLook, add_room, empty_world
from affordance_grasp.simulation.objects import FAMILIES, TRIAL_SEED_START, make_object, materials
from affordance_grasp.simulation.objects.assembly import Assembly
from affordance_grasp.simulation.objects.mjcf import add_object
from affordance_grasp.simulation.objects.primitive import HouseholdObject, Shape
from affordance_grasp.simulation.rendering.noise import degrade_color, degrade_depth
from affordance_grasp.simulation.rendering.scene_camera import (
    D435_COLOR,
    SceneCamera,
    add_camera,
)

FOUND = 0.7
VISIBLE_PX = 300
MIDDLE_M = (0.5, 0.0)
Piece = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Middle and half size of a block of furniture [m]."""


@dataclass(frozen=True)
class Kind:
    """What the things stand on, how far apart they are, and from where they are seen."""

    furniture: tuple[Piece, ...] = ()
    floor_m: float = 0.0
    gap_m: tuple[float, float] = (0.0, 0.001)
    elevation_deg: tuple[float, float] = (35.0, 80.0)
    distance_m: tuple[float, float] = (0.45, 0.75)
    things: tuple[int, int] = (2, 4)
    azimuth_deg: float = 180.0


def _bin(half_x: float, half_y: float, high: float, thick: float = 0.004) -> tuple[Piece, ...]:
    x, y = MIDDLE_M
    walls = [
        ((x + sx * half_x, y + sy * half_y, high / 2), (hx, hy, high / 2))
        for sx, sy, hx, hy in (
            (1, 0, thick, half_y),
            (-1, 0, thick, half_y),
            (0, 1, half_x, thick),
            (0, -1, half_x, thick),
        )
    ]
    return (((x, y, thick), (half_x, half_y, thick)), *walls)


KINDS = {
    "apart": Kind(gap_m=(0.03, 0.06)),
    "near": Kind(gap_m=(0.004, 0.02)),
    "touching": Kind(),
    "bin": Kind(_bin(0.19, 0.15, 0.10), 0.008, (0.005, 0.03), (55, 85), (0.5, 0.7), (1, 3)),
    "low table": Kind(
        (((0.5, 0, 0.34), (0.2, 0.2, 0.01)),), 0.35, (0.005, 0.03), (40, 65), (0.5, 0.65), (1, 3)
    ),
    "shelf": Kind(
        (((0.5, 0, 0.29), (0.14, 0.4, 0.01)), ((0.65, 0, 0.5), (0.01, 0.6, 0.5))),
        0.3,
        (0.005, 0.03),
        (18, 35),
        (0.5, 0.7),
        (1, 3),
        25.0,
    ),
}


@dataclass(frozen=True, eq=False)
class Scene:
    """A frame, the camera's pose, and the thing (H, W) that each pixel shows; 0: none."""

    frame: RgbdFrame
    T_world_cam: Floats
    truth: NDArray[np.int32]


def render_scene(seed: int, kind: Kind) -> Scene:
    """The same seed and kind give the same scene."""
    rng = np.random.default_rng([seed, 91])
    things = [_thing(rng) for _ in range(int(rng.integers(kind.things[0], kind.things[1] + 1)))]
    spec = empty_world()
    spec.memory = 2**28  # things at one place while they are moved apart
    add_room(spec, SceneLook.from_seed(seed))
    shade = float(rng.uniform(0.3, 0.8))
    for i, (middle, half) in enumerate(kind.furniture):
        spec.worldbody.add_geom(
            name=f"furniture/{i}",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=middle,
            size=half,
            rgba=[shade, shade, shade * 0.95, 1],
        )
    for i, thing in enumerate(things):
        add_object(spec, thing, table_pose(0.0, 3.0 + i, 0.0), f"thing{i}")
    T = _camera(rng, kind)
    add_camera(spec.worldbody, "eye", D435_COLOR, T)
    model = spec.compile()
    data = mujoco.MjData(model)
    _put(model, data, rng, len(things), kind)
    camera = SceneCamera(model, "eye", D435_COLOR)
    try:
        color = camera.color(data)
        depth = degrade_depth(camera.depth_m(data), color, D435_COLOR, rng)
        bodies = np.append(model.geom_bodyid, 0)[camera.geom_ids(data)]
    finally:
        camera.close()
    first = model.body("thing0").id
    truth = np.where(bodies >= first, bodies - first + 1, 0).astype(np.int32)
    return Scene(RgbdFrame(degrade_color(color, rng), depth, D435_COLOR), T, truth)


def _camera(rng: Generator, kind: Kind) -> Floats:
    bearing = np.pi + np.radians(kind.azimuth_deg) * rng.uniform(-1, 1)
    elevation = np.radians(rng.uniform(*kind.elevation_deg))
    target = np.array([*MIDDLE_M, kind.floor_m + 0.03])
    roll = float(rng.uniform(-0.25, 0.25))
    return orbit(target, float(bearing), float(elevation), rng.uniform(*kind.distance_m), roll)


def _thing(rng: Generator) -> HouseholdObject:
    if rng.uniform() < 0.3:
        out, half = Assembly(), rng.uniform(0.02, 0.05, 3) * (1, 1, 1.6)
        out.add("body", Shape.BOX, tuple(half), (0, 0, half[2]), materials.plastic(rng))
        return out.finish("box", 0, 0.3)
    family = list(FAMILIES)[rng.integers(len(FAMILIES))]
    return make_object(family, TRIAL_SEED_START + int(rng.integers(1000)))


def _put(
    model: mujoco.MjModel, data: mujoco.MjData, rng: Generator, count: int, kind: Kind
) -> None:
    """Put the first into the middle; slide each other one up to those that stand already."""
    for i in range(count):
        toward = np.asarray(MIDDLE_M) + rng.uniform(-0.03, 0.03, 2) * (count > 1)
        bearing, yaw = rng.uniform(-np.pi, np.pi, 2)
        along = np.array([np.cos(bearing), np.sin(bearing)])
        gap = float(rng.uniform(*kind.gap_m))
        far = 0.0 if i == 0 else 0.5
        near = 0.0
        while far - near > 1e-4:  # bisection: the thing comes in along a line
            middle = (far + near) / 2
            _place(model, data, i, (*toward + middle * along, kind.floor_m), yaw)
            if _clearance(model, data, i) < gap:
                near = middle
            else:
                far = middle
        _place(model, data, i, (*toward + far * along, kind.floor_m), yaw)


def _place(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    i: int,
    place: tuple[float, float, float],
    yaw: float,
) -> None:
    at = int(model.joint(f"thing{i}/free").qposadr[0])
    data.qpos[at : at + 7] = *place, np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)
    mujoco.mj_forward(model, data)


def _clearance(model: mujoco.MjModel, data: mujoco.MjData, i: int) -> float:
    """Distance [m] of a thing from all that were put before it, at most 10 cm."""
    first = model.body("thing0").id
    solid = model.geom_contype > 0
    own = np.flatnonzero(solid & (model.geom_bodyid == first + i))
    earlier = (model.geom_bodyid >= first) & (model.geom_bodyid < first + i)
    others = np.flatnonzero(solid & earlier)
    distances = [
        mujoco.mj_geomDistance(model, data, int(a), int(b), 0.1, None) for a in own for b in others
    ]
    return min(distances, default=0.1)


def found(labels: NDArray[np.int32], scene: Scene) -> tuple[int, int]:
    """How many things of a scene are found, and how many can be seen."""
    read = scene.frame.depth_m > 0
    labels, truth = labels[read], scene.truth[read]
    seen = [i for i in np.unique(truth) if i and np.count_nonzero(truth == i) >= VISIBLE_PX]
    right = 0
    for i in seen:
        of = truth == i
        meant = np.bincount(labels[of], minlength=2)[1:].argmax() + 1
        both, either = (labels == meant) & of, (labels == meant) | of
        right += int(both.sum() >= FOUND * either.sum())
    return right, len(seen)


def labels_of(scene: Scene) -> NDArray[np.int32]:
    """The labels of the package; all 0 where it refuses the frame."""
    try:
        return segment_scene(scene.frame).cloud.labels
    except AffordanceGraspError as error:
        print(f"    {error}")
        return np.zeros(scene.truth.shape, np.int32)


def count(
    scenes: Sequence[Scene], label: Callable[[Scene], NDArray[np.int32]] = labels_of
) -> tuple[int, int, float]:
    """Things found, things seen, and processor time per frame [ms]."""
    begun = process_time()
    of = [found(label(scene), scene) for scene in scenes]
    spent_ms = (process_time() - begun) * 1e3 / len(scenes)
    return sum(right for right, _ in of), sum(seen for _, seen in of), spent_ms


def main(words: Sequence[str] | None = None) -> int:
    """Print a line for each kind of scene."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--scenes", type=int, default=20, help="of each kind")
    parser.add_argument("--kind", choices=tuple(KINDS), action="append")
    options = parser.parse_args(words)
    seeds = range(options.first, options.first + options.scenes)
    for name in options.kind or KINDS:
        right, seen, spent_ms = count([render_scene(seed, KINDS[name]) for seed in seeds])
        print(
            f"{name}: {right} of {seen} things found ({right / max(seen, 1):.0%}), "
            f"{spent_ms:.0f} ms of processor time per frame",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
