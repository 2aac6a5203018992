"""From one grasp pose to the motion that makes it: approach, descend, close, lift, retreat."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from affordance_grasp.control.arm.inverse import within_limits
from affordance_grasp.control.motion.detour import Detours
from affordance_grasp.control.motion.obstruction import Surroundings, own_spheres
from affordance_grasp.control.motion.path import close_width_m, find_path
from affordance_grasp.control.motion.seen_table import check_seen_table
from affordance_grasp.control.motion.trajectory import SAME_RAD, time_parameterise
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import JointTrajectory, Reason, RgbdFrame
from affordance_grasp.errors import InvalidInput, Unreachable
from affordance_grasp.geometry import Floats
from affordance_grasp.scene.cloud import TableScene
from affordance_grasp.scene.obstacles import Obstacles, find_obstacles


@dataclass(frozen=True, eq=False)
class PickPlan:
    """What to do, in this order, every trajectory starting and ending at rest.

    1. open to ``open_width_m``; 2. ``approach`` to the pregrasp; 3. ``descend`` straight along the
    approach to the grasp; 4. close towards ``close_width_m`` with ``force_n``, expecting to stop
    at ``grasp_width_m``; 5. ``lift`` straight up; 6. ``retreat`` to the home configuration.

    ``T_base_tcp`` is the tcp at closure as executed: the pose asked for, or the same grasp turned
    by pi about the approach. ``around``: what the pick leaves untouched, where that is known.
    """

    approach: JointTrajectory
    descend: JointTrajectory
    lift: JointTrajectory
    retreat: JointTrajectory
    open_width_m: float
    grasp_width_m: float
    close_width_m: float
    force_n: float
    T_base_tcp: Floats
    around: Surroundings | None = None

    @property
    def q_grasp(self) -> Floats:
        """Joint positions (J,) [rad] at which the fingers close."""
        return self.descend.positions[-1]

    @property
    def duration_s(self) -> float:
        """Time of all arm motions together, without the gripper [s]."""
        return sum(trajectory.duration_s for _, trajectory in self.stages())

    def stages(self) -> Iterator[tuple[str, JointTrajectory]]:
        """Name and motion of the four stages in order; the fingers close before ``lift``."""
        yield "approach", self.approach
        yield "descend", self.descend
        yield "lift", self.lift
        yield "retreat", self.retreat


def plan_pick(
    robot: RobotConfig,
    q_now: ArrayLike,
    T_base_tcp: ArrayLike,
    width_m: float,
    obstacles: Obstacles | None = None,
    *,
    opening_m: float = 0.0,
) -> PickPlan:
    """Plan a pick; raises :class:`Unreachable` with a reason and a sentence.

    Args:
        robot: the robot as configured; its ``speed_scaling`` sets the pace.
        q_now: (J,) present joint angles [rad].
        T_base_tcp: (4, 4) pose of the tcp *at closure* in the base: +z approach, +x closing.
        width_m: distance of the fingertips at closure.
        obstacles: what stands on the table; None: nothing but the object.
        opening_m: of the fingertips while the hand descends; 0: as the gripper's clearance says.
    """
    q = _checked_start(robot, q_now)
    around = None if obstacles is None else Surroundings(obstacles, robot)
    T = np.asarray(T_base_tcp, float)
    path = find_path(robot, q, T, width_m, around, opening_m=opening_m, detours=Detours(robot))
    stages = (_waypoints(path.approach), path.descend, path.lift, _waypoints(path.retreat))
    names = robot.arm.joint_names
    approach, descend, lift, retreat = (
        time_parameterise(stage, robot.velocity, robot.acceleration, names) for stage in stages
    )
    return PickPlan(
        approach=approach,
        descend=descend,
        lift=lift,
        retreat=retreat,
        open_width_m=path.open_width_m,
        grasp_width_m=robot.gripper.clamp_width(width_m),
        close_width_m=close_width_m(robot, path.T_base_tcp, robot.gripper.clamp_width(width_m)),
        force_n=robot.settings.grip_force_n,
        T_base_tcp=path.T_base_tcp,
        around=around,
    )


def reachable(
    robot: RobotConfig,
    q_now: ArrayLike,
    T_base_tcp: ArrayLike,
    width_m: float,
    around: Surroundings | None = None,
    *,
    opening_m: float = 0.0,
    detours: Detours | None = None,
) -> Reason | None:
    """Why a pick cannot be planned, or None; all the checks of :func:`plan_pick`, no timing."""
    try:
        q = _checked_start(robot, q_now)
        T = np.asarray(T_base_tcp, float)
        find_path(robot, q, T, width_m, around, opening_m=opening_m, detours=detours)
    except Unreachable as error:
        return Reason(error.reason)
    return None


@dataclass(frozen=True, eq=False)
class ArmReach:
    """Tells why an arm cannot pick at a pose of the tcp in the camera; None: it can.

    ``around``: what stands on the table, once it is known. ``detours``: searches of paths and ways
    round, of one budget for all grasps.
    """

    robot: RobotConfig
    q_now: Floats
    T_base_cam: Floats
    around: Surroundings | None = None
    detours: Detours | None = None

    def __call__(self, T_cam_tcp: Floats, width_m: float, opening_m: float = 0.0) -> Reason | None:
        """See :func:`reachable`; "not tried" once too many paths of others were blocked."""
        if self.detours is not None and self.detours.spent:
            return Reason.NOT_TRIED
        T_base_tcp = self.T_base_cam @ T_cam_tcp
        return reachable(
            self.robot,
            self.q_now,
            T_base_tcp,
            width_m,
            self.around,
            opening_m=opening_m,
            detours=self.detours,
        )

    @property
    def obstacles(self) -> Obstacles | None:
        """What is around; None where that is not known."""
        return None if self.around is None else self.around.obstacles

    def among(self, frame: RgbdFrame, scene: TableScene) -> "ArmReach":
        """The reach that leaves untouched what stands on the table besides the object.

        Raises:
            InvalidInput: the table lies elsewhere than the settings say.
        """
        check_seen_table(self.robot, scene, self.T_base_cam)
        own, labels = own_spheres(self.robot, self.q_now), scene.cloud.labels
        obstacles = find_obstacles(frame, labels, scene.table, self.T_base_cam, own)
        around = Surroundings(obstacles, self.robot)
        return replace(self, around=around, detours=Detours(self.robot))


def reach_from(robot: RobotConfig, q_now: ArrayLike, T_base_cam: Floats | None = None) -> ArmReach:
    """:func:`reachable` of grasps as the camera sees them: pose of tcp in it, and width.

    Args:
        robot: the robot as configured.
        q_now: (J,) present joint positions [rad].
        T_base_cam: (4, 4) pose of the camera; None: the wrist camera's at ``q_now``.
    """
    T = robot.T_base_cam(q_now) if T_base_cam is None else T_base_cam
    return ArmReach(robot, np.asarray(q_now, float), T)


def _waypoints(q: Floats) -> Floats:
    """The ends alone of a straight joint path; all of another."""
    line = q[0] + np.linspace(0, 1, len(q))[:, None] * (q[-1] - q[0])
    return q[[0, -1]] if np.abs(q - line).max() < SAME_RAD else q


def _checked_start(robot: RobotConfig, q_now: ArrayLike) -> Floats:
    q = np.asarray(q_now, float)
    if q.shape != (robot.arm.dof,) or not np.isfinite(q).all():
        raise InvalidInput(f"the present joint positions must be {robot.arm.dof} finite angles")
    if not within_limits(robot.arm, q):
        outside = np.maximum(robot.arm.lower - q, q - robot.arm.upper)
        worst = int(outside.argmax())
        raise Unreachable(
            Reason.JOINT_LIMIT,
            f"{robot.arm.joint_names[worst]} is {outside[worst]:.3f} rad beyond its limit; "
            "move the arm by hand to within its limits",
        )
    return q
