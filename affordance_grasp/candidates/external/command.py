"""An external program as grasp generator: started per frame, or once for all of them."""

from affordance_grasp.candidates.external.exchange import camera_content, read_grasps, write_frame
from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.candidates.target import ANY, Target
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.datatypes import GraspCandidates, RgbdFrame
from affordance_grasp.external.folder_program import FolderProgram, exchange_folder
from affordance_grasp.scene.cloud import TableScene, segment_scene

NAME = "command"


class CommandGenerator:
    """Runs the command of the settings; see :mod:`exchange` for the files."""

    name = NAME
    wants_target = True

    def __init__(self, gripper: Gripper, settings: ExternalSettings) -> None:
        """Refuse an empty command; start one that stays up, so that it can load meanwhile."""
        self._gripper, self._settings = gripper, settings
        self._program = FolderProgram(
            settings.command,
            f"the generator {NAME}",
            settings.timeout_s,
            persistent=settings.persistent,
        )

    def generate(
        self,
        frame: RgbdFrame,
        seed: int = 0,
        scene: TableScene | None = None,
        target: Target = ANY,
    ) -> GraspCandidates:
        """Propose grasps; the program is given the seed.

        Raises:
            ExternalFault: the program fails, exceeds the time limit or writes no usable grasps.
        """
        scene = scene or segment_scene(frame, seed=seed)
        told = camera_content(frame.intrinsics, scene.table, self._gripper, seed, target)
        with exchange_folder("grasps_") as folder:
            write_frame(folder, frame, scene, told)
            self._program.answer(folder)
            grasps, convention = read_grasps(folder, NAME)
        return self._settings.conversion(convention).convert(grasps, scene, self._gripper)
