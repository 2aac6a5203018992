"""From an RGB-D frame to the motion of a pick: grasp candidates, the best one, trajectories.

    python examples/plan_pick.py --query hold       # needs the extra [ground]
    python examples/plan_pick.py --rule quality     # ignores the heatmap: the core is enough
It reads examples/frame and moves nothing.
"""

import argparse
from pathlib import Path

import affordance_grasp as ag

FRAME = Path(__file__).parent / "frame"
INTRINSICS = 615, 615, 320, 240  # fx, fy, cx, cy of the simulated camera, pixels


def main() -> None:
    """Plan and print the stages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--query", default="hold")
    parser.add_argument("--rule", default="bands", help="bands, argmax or quality")
    parser.add_argument("--robot-file", type=Path, default=Path("config/aubo_i5.yaml"))
    arguments = parser.parse_args()

    options = ag.PlanningOptions(rule=arguments.rule, robot_file=arguments.robot_file)
    planner = ag.load_planner(options, arguments.query)
    robot = planner.robot  # arm, gripper and wrist camera
    q_now = robot.home_q  # where the arm stood when it took the frame
    frame = ag.read_frame(FRAME / "color.jpg", FRAME / "depth.png", INTRINSICS)
    plan = planner.plan(frame, arguments.query, reach=ag.reach_from(robot, q_now))
    if plan.best is None:
        raise SystemExit(f"no grasp is left: {plan.selection.rejection_counts()}")
    T_base_tcp = robot.T_base_cam(q_now) @ plan.best.T_cam_tcp
    pick = ag.plan_pick(
        robot, q_now, T_base_tcp, plan.best.width_m, plan.obstacles, opening_m=plan.best.opening_m
    )

    print(f"{len(plan.selection.ranked)} of {len(plan.candidates)} candidates ranked")
    print(f"tcp at closure {pick.T_base_tcp[:3, 3].round(3)} m, {pick.grasp_width_m:.3f} m wide")
    for stage, trajectory in pick.stages():
        print(f"{stage:8} {len(trajectory.times_s):4} points, {trajectory.duration_s:.1f} s")


if __name__ == "__main__":
    main()
