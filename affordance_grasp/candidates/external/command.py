"""An external program as grasp generator, started per frame with a folder as last argument."""

import os
import shlex
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from affordance_grasp.candidates.external.exchange import read_grasps, write_frame
from affordance_grasp.candidates.external.external_grasps import GeneratorFault
from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.control.gripper import GripperProfile
from affordance_grasp.datatypes import GraspCandidates, RgbdFrame
from affordance_grasp.errors import InvalidInput
from affordance_grasp.scene.cloud import TableScene, segment_scene

NAME = "command"
TAIL_BYTES = 300
KILL_S = 2.0


class CommandGenerator:
    """Runs the command of the settings on every frame; see :mod:`exchange` for the files."""

    name = NAME

    def __init__(self, gripper: GripperProfile, settings: ExternalSettings) -> None:
        """Refuse an empty command."""
        self._gripper, self._settings = gripper, settings
        try:
            self._arguments = shlex.split(settings.command)
        except ValueError as error:
            raise InvalidInput(f"generator command {settings.command!r}: {error}") from error
        if not self._arguments:
            raise InvalidInput(
                "the generator 'command' needs the program to run, such as "
                'command="python3 my_grasps.py"'
            )

    def generate(
        self, frame: RgbdFrame, seed: int = 0, scene: TableScene | None = None
    ) -> GraspCandidates:
        """Propose grasps; the program is given the seed.

        Raises:
            GeneratorFault: the program fails, exceeds the time limit or writes no usable grasps.
        """
        scene = scene or segment_scene(frame, seed=seed)
        with tempfile.TemporaryDirectory(prefix="grasps_") as folder:
            write_frame(Path(folder), frame, scene, self._gripper.max_width_m, seed)
            self._run(folder)
            grasps, convention = read_grasps(Path(folder), NAME)
        return self._settings.conversion(convention).convert(grasps, scene, self._gripper)

    def _run(self, folder: str) -> None:
        program = self._arguments[0]
        with tempfile.TemporaryFile() as output:
            try:
                process = subprocess.Popen(
                    [*self._arguments, folder],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # so that its children can be ended with it
                )
            except OSError as error:
                raise GeneratorFault(f"{NAME}: {program} cannot be started ({error})") from error
            try:
                code = process.wait(self._settings.timeout_s)
            except subprocess.TimeoutExpired as error:
                raise GeneratorFault(
                    f"{NAME}: {program} took longer than {self._settings.timeout_s:g} s "
                    "and was ended"
                ) from error
            finally:
                _end(process)
            if code != 0:
                raise GeneratorFault(f"{NAME}: {program} ended with code {code}: {_tail(output)}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill what is left of the program and of anything that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # all of it has ended by itself
    if process.poll() is None:
        process.wait(KILL_S)


def _tail(output: IO[bytes]) -> str:
    """The end of what the program printed, on one line."""
    end = output.seek(0, os.SEEK_END)
    output.seek(max(0, end - TAIL_BYTES))
    words = output.read().decode(errors="replace").split()
    return " ".join(words) or "no output"
