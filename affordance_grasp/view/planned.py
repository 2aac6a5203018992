"""A plan together with where the camera was, and the motion of the arm where there is one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from affordance_grasp.control.motion.pick import PickPlan, plan_pick, reach_from
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.errors import InvalidInput, Unreachable
from affordance_grasp.geometry import Floats
from affordance_grasp.pipeline import GraspPlan, Planner

NO_POSE = "where the arm was is not known: what it can reach was not asked, no motion is planned"


@dataclass(frozen=True, eq=False)
class ArmPose:
    """Joint positions ``q`` (J,) [rad] at an image, and the camera's ``T_base_cam`` (4, 4)."""

    q: Floats
    T_base_cam: Floats


@dataclass(frozen=True, eq=False)
class Planned:
    """A plan of a robot for a query as it was asked; ``pick`` None: ``why_no_pick`` tells why.

    ``pose`` is None where the arm's place at the image is not known.
    """

    robot: RobotConfig
    query: str
    plan: GraspPlan
    pose: ArmPose | None
    pick: PickPlan | None = None
    why_no_pick: str = NO_POSE


def arm_pose(robot: RobotConfig, q: ArrayLike) -> ArmPose:
    """The pose of an arm whose camera is on its wrist.

    Raises:
        InvalidInput: not one finite angle per joint.
    """
    joints = np.asarray(q, float)
    if joints.shape != (robot.arm.dof,) or not np.isfinite(joints).all():
        raise InvalidInput(
            f"{joints.size} joint positions; {robot.arm.dof} finite angles [rad] are needed, in "
            f"the order {', '.join(robot.arm.joint_names)}"
        )
    return ArmPose(joints, robot.T_base_cam(joints))


def plan_seen(planner: Planner, frame: RgbdFrame, query: str, pose: ArmPose | None) -> Planned:
    """Plan a frame, by what the arm can reach where its pose is known; see ``Planner.plan``."""
    reach = None if pose is None else reach_from(planner.robot, pose.q, pose.T_base_cam)
    return with_motion(planner.robot, query, planner.plan(frame, query, reach), pose)


def with_motion(robot: RobotConfig, query: str, plan: GraspPlan, pose: ArmPose | None) -> Planned:
    """The plan and the motion that picks its best grasp."""
    if pose is None:
        return Planned(robot, query, plan, pose)
    if plan.best is None:
        return Planned(robot, query, plan, pose, why_no_pick=plan.refusal)
    try:
        pick = plan_pick(
            robot,
            pose.q,
            pose.T_base_cam @ plan.best.T_cam_tcp,
            plan.best.width_m,
            plan.obstacles,
            opening_m=plan.best.opening_m,
        )
    except Unreachable as error:
        return Planned(robot, query, plan, pose, why_no_pick=str(error))
    return Planned(robot, query, plan, pose, pick, "")
