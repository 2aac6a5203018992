"""A query over the frames of a rosbag2 recording, without ROS.

    affordance-grasp demo --record bag                         # or a recording of your own camera
    python examples/replay_bag.py bag --query hold --every 10

It needs the extras [ground] and [replay]. ``affordance-grasp replay`` does the same in several
processes and writes a page.
"""

import argparse

from affordance_grasp import (
    AffordanceGraspError,
    load_grounder,
    load_robot,
    plan_grasps,
    reach_from,
    read_bag,
)


def main() -> None:
    """Print the best grasp of each frame."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bag", help="folder of the bag, or its .mcap or .db3 file")
    parser.add_argument("--query", default="hold")
    parser.add_argument("--every", type=int, default=10)
    arguments = parser.parse_args()

    robot, grounder = load_robot(), load_grounder()
    for recorded in read_bag(arguments.bag, robot, arguments.every):
        view = recorded.view  # the camera's pose, if the bag has it
        reach = None if view is None else reach_from(robot, view.q, view.T_base_cam)
        try:
            best = plan_grasps(recorded.frame, arguments.query, grounder, reach=reach).best
        except AffordanceGraspError as error:  # nothing on the table, say
            print(f"{recorded.index:5} {error}")
            continue
        if best is None:
            print(f"{recorded.index:5} nothing can be grasped")
            continue
        u, v = best.contact_uv
        print(f"{recorded.index:5} grasp at pixel {u:.0f}, {v:.0f}")


if __name__ == "__main__":
    main()
