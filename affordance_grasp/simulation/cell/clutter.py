"""Things that stand beside the object: bottles and boxes of 12 to 32 cm, or household objects."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.spatial import cKDTree

from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats, transform_points
from affordance_grasp.simulation.cell.placement import table_pose
from affordance_grasp.simulation.objects import FAMILIES, make_object, materials
from affordance_grasp.simulation.objects.assembly import Assembly
from affordance_grasp.simulation.objects.primitive import HouseholdObject, Shape

HEIGHT_M = (0.12, 0.32)
DISTANCE_M = (0.12, 0.30)
GAP_M = 0.03
BASE_RADIUS_M = 0.15
HAND_ROOM_M = 0.10
TRIES = 200
NO_ROOM = "there is no room for that many things beside the object"


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A thing and the pose (4, 4) on the table where it is put."""

    household_object: HouseholdObject
    T_base_object: Floats


def random_neighbours(
    robot: RobotConfig, target: HouseholdObject, T_base_target: Floats, seed: int, count: int
) -> tuple[Neighbour, ...]:
    """Upright things 12 to 30 cm beside an object, 3 cm or more from it and from each other.

    They stand neither in the arm's base nor where the hand is at home.
    """
    rng = np.random.default_rng([seed, 37])
    things = (_bottle(rng) if rng.uniform() < 0.5 else _box(rng) for _ in range(count))
    return _placed(rng, robot, [Neighbour(target, T_base_target)], things)


def household_neighbours(
    robot: RobotConfig, target: HouseholdObject, T_base_target: Floats, seed: int, count: int
) -> tuple[Neighbour, ...]:
    """Household objects of families other than the object's, each of another, placed likewise.

    A family for which there is no room is passed over.

    Args:
        robot: where its base and its hand are, nothing stands.
        target: the object.
        T_base_target: its pose (4, 4) on the table.
        seed: of the instances, of which families there are, and of where they stand.
        count: how many.

    Raises:
        InvalidInput: there is no room for that many.
    """
    rng = np.random.default_rng([seed, *target.family.encode(), 41])
    families = [str(name) for name in rng.permutation(sorted({*FAMILIES} - {target.family}))]
    standing = [Neighbour(target, T_base_target)]
    for family in families:
        if len(standing) <= count:
            with suppress(InvalidInput):
                standing += _placed(rng, robot, standing, [make_object(family, seed)])
    if len(standing) <= count:
        raise InvalidInput(NO_ROOM)
    return tuple(standing[1:])


def _placed(
    rng: Generator,
    robot: RobotConfig,
    standing: Sequence[Neighbour],
    things: Iterable[HouseholdObject],
) -> tuple[Neighbour, ...]:
    """More things beside those that stand already, the first of which is the object."""
    T_base_target, found = standing[0].T_base_object, list[Neighbour]()
    taken = [_foot(each) for each in standing]
    for thing in things:
        found.append(Neighbour(thing, _place(rng, robot, thing, T_base_target, taken)))
        taken.append(_foot(found[-1]))
    return tuple(found)


def _foot(each: Neighbour) -> cKDTree:
    """Where it stands, on the table."""
    points = transform_points(each.T_base_object, footprint(each.household_object))
    return cKDTree(points[:, :2])


def _place(
    rng: Generator,
    robot: RobotConfig,
    thing: HouseholdObject,
    T_base_target: Floats,
    taken: Sequence[cKDTree],
) -> Floats:
    T_base_hand = robot.T_base_cam(robot.home_q)
    for _ in range(TRIES):
        bearing, away = rng.uniform(-np.pi, np.pi), rng.uniform(*DISTANCE_M)
        x, y = T_base_target[:2, 3] + away * np.array([np.cos(bearing), np.sin(bearing)])
        T = table_pose(float(x), float(y), float(rng.uniform(-np.pi, np.pi)))
        foot = transform_points(T, footprint(thing))[:, :2]
        apart = all(other.query(foot)[0].min() >= GAP_M for other in taken)
        from_base = np.linalg.norm(foot, axis=1).min() > BASE_RADIUS_M
        from_hand = np.linalg.norm(foot - T_base_hand[:2, 3], axis=1).min() > HAND_ROOM_M
        if apart and from_base and from_hand:
            return T
    raise InvalidInput(NO_ROOM)


def footprint(thing: HouseholdObject) -> Floats:
    """Points (N, 3) about 1 cm apart over the boxes around its solids, at height 0."""
    points = []
    for piece in thing.primitives:
        half, middle = piece.half_extents_m, np.asarray(piece.position_m)
        axes = [np.linspace(-h, h, max(2, int(h / 0.005) + 1)) for h in half[:2]]
        x, y = (axis.ravel() for axis in np.meshgrid(*axes))
        points.append(np.column_stack([x + middle[0], y + middle[1], np.zeros(len(x))]))
    return np.concatenate(points)


def _bottle(rng: Generator) -> HouseholdObject:
    out, skin = Assembly(), materials.plastic(rng)
    height, radius = float(rng.uniform(*HEIGHT_M)), float(rng.uniform(0.028, 0.042))
    shoulder = 0.7 * height
    out.disc("body", (0, 0, shoulder / 2), radius, shoulder, skin)
    neck = height - shoulder
    out.disc("neck", (0, 0, shoulder + neck / 2), 0.45 * radius, neck, materials.plastic(rng))
    return out.finish("bottle", 0, float(rng.uniform(0.3, 1.0)))


def _box(rng: Generator) -> HouseholdObject:
    out, height = Assembly(), float(rng.uniform(*HEIGHT_M))
    half = (*rng.uniform(0.03, 0.06, 2), height / 2)
    out.add("body", Shape.BOX, half, (0, 0, height / 2), materials.plastic(rng))
    return out.finish("box", 0, float(rng.uniform(0.3, 1.0)))
