"""Several household objects on the table, apart, and all in view of the camera at home."""

import numpy as np
from scipy.spatial import cKDTree

from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.geometry import Floats, invert, project, transform_points
from affordance_grasp.simulation.cell.clutter import Neighbour, footprint
from affordance_grasp.simulation.cell.placement import table_pose
from affordance_grasp.simulation.objects import make_object
from affordance_grasp.simulation.objects.primitive import HouseholdObject
from affordance_grasp.simulation.rendering.scene_camera import D435_COLOR

X_RANGE_M, Y_RANGE_M = (0.36, 0.66), (-0.24, 0.24)
APART_M = 0.035
EDGE_PX = 6
TRIES = 300
OBJECTS_PER_SCENE = 8
"""Numbers of objects that belong to one scene."""


def random_crowd(
    robot: RobotConfig, families: tuple[str, ...], seed: int, first_object: int
) -> tuple[Neighbour, ...]:
    """One object of each name in ``families``, at random; what finds no room is left out.

    Args:
        robot: tells where its camera is at home.
        families: of the objects, as :func:`make_object` takes them.
        seed: of the placements, and of which object instances.
        first_object: seed of the first instance of scene 0.
    """
    rng = np.random.default_rng([seed, 91])
    T_cam_base = invert(robot.T_base_cam(robot.home_q))
    found: list[Neighbour] = []
    taken: list[cKDTree] = []
    for place, family in enumerate(families):
        thing = make_object(family, first_object + OBJECTS_PER_SCENE * seed + place)
        corners, foot = _corners(thing), footprint(thing)
        for _ in range(TRIES):
            T = _anywhere(rng)
            if not _in_view(transform_points(T_cam_base @ T, corners)):
                continue
            stand = transform_points(T, foot)[:, :2]
            if all(other.query(stand)[0].min() >= APART_M for other in taken):
                taken.append(cKDTree(stand))
                found.append(Neighbour(thing, T))
                break
    return tuple(found)


def nearest_of(crowd: tuple[Neighbour, ...], point_base: Floats) -> int:
    """Index of the object whose footprint is nearest to a point (3,) in the base frame."""
    gaps = [
        np.linalg.norm(
            transform_points(each.T_base_object, footprint(each.household_object))[:, :2]
            - point_base[:2],
            axis=1,
        ).min()
        for each in crowd
    ]
    return int(np.argmin(gaps))


def _anywhere(rng: np.random.Generator) -> Floats:
    x, y, yaw = (rng.uniform(*r) for r in (X_RANGE_M, Y_RANGE_M, (-np.pi, np.pi)))
    return table_pose(float(x), float(y), float(yaw))


def _in_view(points_cam: Floats) -> bool:
    """Whether all points are inside the image."""
    uv = project(points_cam, D435_COLOR.K)
    size = np.array([D435_COLOR.width, D435_COLOR.height])
    return bool(((uv > EDGE_PX) & (uv < size - EDGE_PX)).all())


def _corners(thing: HouseholdObject) -> Floats:
    signs = np.array(np.meshgrid(*[(-1, 1)] * 3)).reshape(3, -1).T
    return np.concatenate(
        [
            np.asarray(piece.position_m) + signs * np.asarray(piece.half_extents_m)
            for piece in thing.primitives
        ]
    )
