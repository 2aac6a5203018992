"""Records the simulated camera and robot with the simulation's ground truth."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import RgbdFrame
from affordance_grasp.replay.bags.recorder import BagRecorder
from affordance_grasp.simulation.cell.world import World
from affordance_grasp.simulation.dataset.functional_parts import affordances_of, functional_parts


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

    def frame(
        self,
        world: World,
        frame: RgbdFrame,
        masks: Mapping[str, NDArray[np.bool_]],
        stamp_ns: int,
    ) -> None:
        """A frame of the world, and where in it the :func:`serving_parts` are."""
        self._bag.frame(stamp_ns, frame, world.robot.hand_eye.camera_frame, masks)

    def close(self) -> None:
        """Finish the bag."""
        self._bag.close()


def serving_parts(family: str) -> dict[str, tuple[str, ...]]:
    """Affordance -> the parts of such an object that serve it."""
    return {verb: functional_parts(verb, family) for verb in affordances_of(family)}
