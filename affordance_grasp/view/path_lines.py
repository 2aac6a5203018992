"""The path of the tcp in a planned pick, one colour for each stage."""

from typing import Any

import numpy as np

from affordance_grasp.control.arm.kinematics import forward
from affordance_grasp.control.motion.pick import PickPlan
from affordance_grasp.control.motion.trajectory import resample
from affordance_grasp.control.robot import RobotConfig
from affordance_grasp.view.plan_scene import PLAN

STAGE_COLORS = {
    "approach": (70, 140, 255),
    "descend": (255, 160, 40),
    "lift": (60, 220, 110),
    "retreat": (170, 175, 182),
}
PERIOD_S = 0.04


def draw_path(scene: Any, robot: RobotConfig, pick: PickPlan) -> None:
    """Draw the tcp's path in the base frame, into the plan's own part of the scene."""
    T_tool0_tcp = robot.gripper.T_tool0_tcp(pick.grasp_width_m)
    for stage, trajectory in pick.stages():
        positions = resample(trajectory, PERIOD_S)[0]
        points = (forward(robot.arm, positions) @ T_tool0_tcp)[:, :3, 3]
        if len(points) > 1:
            scene.add_line_segments(
                f"{PLAN}/path/{stage}",
                np.stack([points[:-1], points[1:]], axis=1).astype(np.float32),
                STAGE_COLORS[stage],
                thickness=0.003,
            )
