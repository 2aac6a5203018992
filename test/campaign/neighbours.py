"""``python -m campaign.neighbours``: picks with a tall thing beside the object; who touched it.

The heatmap is the object's functional part itself, so that only planning and motion are judged.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from time import process_time

import cv2
import numpy as np

from affordance_grasp.control.motion.pick import plan_pick, reach_from
from affordance_grasp.control.robot import RobotConfig, load_robot
from affordance_grasp.datatypes import Heatmap, Reason, Region
from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.pipeline import GraspPlan, plan_grasps
from affordance_grasp.simulation.cell.actuators import execute_pick
from affordance_grasp.simulation.cell.clutter import random_neighbours
from affordance_grasp.simulation.cell.placement import random_placement
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.simulation.dataset.functional_parts import functional_parts
from affordance_grasp.simulation.objects import TRIAL_SEED_START, make_object

FAMILIES = ("mug", "knife", "teapot", "pan", "pressure_cooker", "spoon", "wrench", "screwdriver")
QUERY = "hold"
SPEED_SCALING = 0.5


@dataclass(frozen=True)
class Scene:
    """How one pick ended, and what touched the neighbour."""

    seed: int
    family: str
    end: str
    met: tuple[str, ...]
    plan_ms: float


@dataclass(frozen=True)
class KnownPart:
    """The heatmap that a perfect grounder would give: ``mask`` (H, W), blurred."""

    mask: np.ndarray

    def ground(self, color: np.ndarray, query: str, region: Region | None = None) -> Heatmap:
        """The part, whatever the query."""
        values = cv2.GaussianBlur(self.mask.astype(np.float32), (0, 0), 4)
        values /= values.max()
        return Heatmap(values, values, query, query, "known", 1.0)


def run_scene(robot: RobotConfig, seed: int, known: bool = True, executed: bool = True) -> Scene:
    """One pick; with ``known`` False the obstacles are not told to the planner."""
    family = FAMILIES[seed % len(FAMILIES)]
    thing, T = make_object(family, TRIAL_SEED_START + seed), random_placement(7000 + seed)
    neighbours = random_neighbours(robot, thing, T, seed, 1)
    with World(robot, thing, T, seed, neighbours=neighbours) as world:
        plan, plan_ms = _plan(world, known)
        end = "every candidate was rejected"
        if plan.best is None and Reason.OBSTACLE in plan.selection.rejected.values():
            end = "refused: obstacle"
        elif plan.best is not None:
            end = _pick(world, plan) if executed else "planned"
        return Scene(seed, family, end, world.outcome().met_neighbours, plan_ms)


def _plan(world: World, known: bool) -> tuple[GraspPlan, float]:
    parts = [
        part
        for part in functional_parts(QUERY, world.household_object.family)
        if part in world.household_object.parts
    ]
    with closing(world.observer()) as observer:
        masks = observer.part_masks(world.state(), {"part": parts, "object": None})
    grounder = KnownPart(masks["part"] if masks["part"].any() else masks["object"])
    reach = reach_from(world.robot, world.joint_positions())
    frame, begun = world.observe(), process_time()
    plan = plan_grasps(
        frame,
        QUERY,
        grounder,
        reach=reach if known else reach.__call__,
        max_width_m=world.robot.gripper.max_width_m,
        at_once=False,
    )
    return plan, (process_time() - begun) * 1e3


def _pick(world: World, plan: GraspPlan) -> str:
    q_now, best = world.joint_positions(), plan.best
    assert best is not None
    T_base_tcp = world.robot.T_base_cam(q_now) @ best.T_cam_tcp
    try:
        pick = plan_pick(
            world.robot, q_now, T_base_tcp, best.width_m, plan.obstacles, opening_m=best.opening_m
        )
        outcome = execute_pick(world, pick)
    except AffordanceGraspError as error:
        return f"fault: {error}"
    return "lifted" if outcome.lifted and outcome.held else "not lifted"


def main(words: Sequence[str] | None = None) -> int:
    """0 where nothing touched a neighbour."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--plan-only", action="store_true", help="execute none of the picks")
    parser.add_argument("--unknown", action="store_true", help="do not tell the planner of them")
    options = parser.parse_args(words)
    robot, scenes = load_robot(speed_scaling=SPEED_SCALING), []
    for seed in range(options.first, options.first + options.scenes):
        scenes.append(scene := run_scene(robot, seed, not options.unknown, not options.plan_only))
        print(seed, scene.family, scene.end, *scene.met, f"{scene.plan_ms:.0f} ms", flush=True)
    touched = [scene for scene in scenes if scene.met]
    print(dict(Counter(scene.end for scene in scenes)))
    print(f"{len(touched)} of {len(scenes)} touched their neighbour")
    middle, late = np.percentile([scene.plan_ms for scene in scenes], [50, 95])
    print(f"plans took {middle:.0f} ms of processor time, 19 of 20 at most {late:.0f} ms")
    return 1 if touched else 0


if __name__ == "__main__":
    raise SystemExit(main())
