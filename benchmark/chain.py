"""The whole chain in one process: from a frame and a query to the trajectory of a pick.

Frames are of the simulated work cell, seen once before anything is timed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from affordance_grasp.candidates.antipodal.generator import AntipodalConfig, AntipodalGenerator
from affordance_grasp.control.motion.pick import plan_pick, reach_from
from affordance_grasp.control.robot import RobotConfig, load_robot
from affordance_grasp.datatypes import CameraIntrinsics, RgbdFrame
from affordance_grasp.errors import NoObject
from affordance_grasp.grounding.grounder import load_grounder
from affordance_grasp.grounding.regions import GrounderProtocol
from affordance_grasp.methods.table import DEFAULT_METHOD
from affordance_grasp.pipeline import plan_grasps
from affordance_grasp.simulation.cell.clutter import household_neighbours
from affordance_grasp.simulation.cell.placement import table_pose
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.simulation.objects import TRIAL_SEED_START, make_object
from affordance_grasp.simulation.rendering.scene_camera import D435_COLOR
from benchmark import GROWTH
from benchmark.rounds import Case, Outputs, Variant

QUERY, FAMILY, SEED = "hold", "mug", TRIAL_SEED_START + 900
SCALES = {"320x240": 0.5, "640x480": 1.0, "1280x960": 2.0}
ANCHORS, THINGS = (28, 112, 448), (1, 3, 6)


@dataclass(frozen=True)
class Chain:
    """All that a pick needs but for the frame."""

    robot: RobotConfig
    grounder: GrounderProtocol
    generator: AntipodalGenerator

    def run(self, frame: RgbdFrame) -> Outputs:
        """Plan one grasp and its motion; refuses a frame without one."""
        q = self.robot.home_q
        plan = plan_grasps(
            frame,
            QUERY,
            self.grounder,
            self.generator,
            reach=reach_from(self.robot, q),
            max_width_m=self.robot.gripper.max_width_m,
        )
        if plan.best is None:
            raise NoObject(plan.refusal)
        T_base_tcp = self.robot.T_base_cam(q) @ plan.best.T_cam_tcp
        plan_pick(self.robot, q, T_base_tcp, plan.best.width_m, plan.obstacles)
        return {}


def chain_case(name: str, device: str = "cpu") -> Case:
    """How the time from frame to trajectory grows with what the name says."""
    growth = (_by_size, _by_candidates, _by_instances)
    by_kind = dict(zip(GROWTH, growth, strict=True))
    robot = load_robot()
    grounder = load_grounder(DEFAULT_METHOD, device=device)
    runs = by_kind[name.rpartition("-")[2]](
        Chain(robot, grounder, AntipodalGenerator(robot.gripper))
    )
    return Case(name, 1, 1, {each: Variant(run, None) for each, run in runs.items()})


def _by_size(chain: Chain) -> dict[str, Callable[[], Outputs]]:
    frames = {name: _frame(chain.robot, _scaled(scale)) for name, scale in SCALES.items()}
    return {
        f"{name}, {np.count_nonzero(frame.depth_m)} points": partial(chain.run, frame)
        for name, frame in frames.items()
    }


def _by_candidates(chain: Chain) -> dict[str, Callable[[], Outputs]]:
    frame, gripper = _frame(chain.robot), chain.robot.gripper
    runs: dict[str, Callable[[], Outputs]] = {}
    for anchors in ANCHORS:
        generator = AntipodalGenerator(gripper, AntipodalConfig(anchors=anchors))
        count = len(generator.generate(frame))
        each = replace(chain, generator=generator)
        runs[f"{anchors} anchors, {count} candidates"] = partial(each.run, frame)
    return runs


def _by_instances(chain: Chain) -> dict[str, Callable[[], Outputs]]:
    frames = {count: _frame(chain.robot, things=count) for count in THINGS}
    return {
        f"{count} thing{'s' * (count > 1)}": partial(chain.run, frame)
        for count, frame in frames.items()
    }


def _scaled(scale: float) -> CameraIntrinsics:
    own = D435_COLOR
    return CameraIntrinsics(
        own.fx * scale,
        own.fy * scale,
        own.cx * scale,
        own.cy * scale,
        round(own.width * scale),
        round(own.height * scale),
    )


def _frame(
    robot: RobotConfig, intrinsics: CameraIntrinsics = D435_COLOR, things: int = 1
) -> RgbdFrame:
    """What the camera at home sees of an object and of what stands beside it."""
    thing, T = make_object(FAMILY, SEED), table_pose(0.5, 0.0, 0.4)
    beside = household_neighbours(robot, thing, T, SEED, things - 1)
    with World(robot, thing, T, 0, intrinsics, neighbours=beside) as world:
        return world.observe()
