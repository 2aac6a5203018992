"""Recording of the simulation: its camera, its robot, and the ground truth."""

from affordance_grasp.replay.bags.recorder import BagRecorder
from affordance_grasp.simulation.cell.world import World


def record_joints(bag: BagRecorder, world: World, stamp_ns: int) -> None:
    """Arm and gripper apart, as their drivers publish them."""
    names = world.robot.arm.joint_names
    bag.joints(stamp_ns, names, world.joint_positions(), world.joint_velocities())
    bag.joints(stamp_ns, [world.robot.gripper.joint_name], [world.gripper_joint()])
