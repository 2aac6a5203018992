"""Records what simulated camera and robot say, and the ground truth that only simulation knows."""

from pathlib import Path

from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.replay.recorder import BagRecorder
from affordance_grasp.simulation.parts import affordances_of, functional_parts
from affordance_grasp.simulation.world import World


class WorldRecorder:
    """A bag of one world after the other; to be used and closed in the thread that made it."""

    def __init__(self, folder: Path, storage: str = "mcap") -> None:
        """Make the bag; see :class:`BagRecorder`."""
        self._bag = BagRecorder(folder, storage)

    def joints(self, world: World, stamp_ns: int) -> None:
        """Arm and gripper apart, as their drivers publish them."""
        names = world.robot.arm.joint_names
        self._bag.joints(stamp_ns, names, world.joint_positions(), world.joint_velocities())
        self._bag.joints(stamp_ns, [world.robot.gripper.knuckle_joint], [world.knuckle_rad()])

    def frame(self, world: World, frame: RgbdFrame, stamp_ns: int) -> None:
        """A frame that the world showed just now, and where its parts are in it."""
        family = world.household_object.family
        parts = {verb: functional_parts(verb, family) for verb in affordances_of(family)}
        camera = world.robot.hand_eye.camera_frame
        self._bag.frame(stamp_ns, frame, camera, world.part_masks(parts))

    def close(self) -> None:
        """Finish the bag."""
        self._bag.close()
