"""The grasp generators by name: the built-in one and the external ones."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.candidates.target import ANY, Target
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.datatypes import GraspCandidates, RgbdFrame
from affordance_grasp.errors import look_up

if TYPE_CHECKING:  # the names are listed without what computes
    from affordance_grasp.scene.cloud import TableScene


class GraspGenerator(Protocol):
    """Anything that proposes 6-DoF grasps for one frame.

    ``wants_target``: of several objects it is told which one is meant, and waits for that.
    """

    name: str
    wants_target: bool

    def generate(
        self,
        frame: RgbdFrame,
        seed: int = 0,
        scene: "TableScene | None" = None,
        target: Target = ANY,
    ) -> GraspCandidates:
        """Propose grasps as poses of ``tcp`` at closure, in the optical frame.

        Args:
            frame: colour and aligned depth.
            seed: of the plane fit, and of the generator where it samples.
            scene: this frame, segmented, where that was done already.
            target: the object that is meant.

        Raises:
            InvalidInput: the depth holds no table.
            NoObject: there is no object on it.
        """
        ...


def _antipodal(gripper: Gripper, external: ExternalSettings) -> GraspGenerator:
    from affordance_grasp.candidates.antipodal.generator import AntipodalGenerator

    del external
    return AntipodalGenerator(gripper)


def _graspgen(gripper: Gripper, external: ExternalSettings) -> GraspGenerator:
    from affordance_grasp.candidates.external.graspgen import GraspGenGenerator

    return GraspGenGenerator(gripper, external)


def _command(gripper: Gripper, external: ExternalSettings) -> GraspGenerator:
    from affordance_grasp.candidates.external.command import CommandGenerator

    return CommandGenerator(gripper, external)


GENERATORS: dict[str, Callable[[Gripper, ExternalSettings], GraspGenerator]] = {
    "antipodal": _antipodal,
    "graspgen": _graspgen,
    "command": _command,
}


def make_generator(
    name: str,
    gripper: Gripper | None = None,
    external: ExternalSettings | None = None,
) -> GraspGenerator:
    """Build a generator by name for a gripper (the 2F-85 when none is given).

    Args:
        name: a name of ``GENERATORS``.
        gripper: the gripper that executes the grasps.
        external: where an external generator is and how to read it; unused by the built-in one.

    Raises:
        UnknownName: there is no generator of that name; lists the known ones.
    """
    return look_up("generator", name, GENERATORS)(
        gripper or load_gripper(), external or ExternalSettings()
    )
