"""An external program as grasp generator, started per frame with a folder as last argument."""

import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic

from affordance_grasp.candidates.external import overseer
from affordance_grasp.candidates.external.exchange import read_grasps, write_frame
from affordance_grasp.candidates.external.external_grasps import GeneratorFault
from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.datatypes import GraspCandidates, RgbdFrame
from affordance_grasp.errors import InvalidInput, shown
from affordance_grasp.scene.cloud import TableScene, segment_scene

NAME = "command"
TAIL_BYTES = 300
KILL_S = 10.0
"""Longest wait for the overseer, which is quick where the machine is not busy."""


class CommandGenerator:
    """Runs the command of the settings on every frame; see :mod:`exchange` for the files."""

    name = NAME

    def __init__(self, gripper: Gripper, settings: ExternalSettings) -> None:
        """Refuse an empty command."""
        self._gripper, self._settings = gripper, settings
        try:
            self._arguments = shlex.split(settings.command)
        except ValueError as error:
            raise InvalidInput(f"generator command {shown(settings.command)}: {error}") from error
        if not self._arguments or "\0" in settings.command:
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
        with tempfile.TemporaryDirectory(prefix="grasps_", ignore_cleanup_errors=True) as outer:
            folder = Path(outer) / "frame"  # the program may put something else in its place
            folder.mkdir()
            write_frame(folder, frame, scene, self._gripper.max_width_m, seed)
            self._run(str(folder))
            grasps, convention = read_grasps(folder, NAME)
        return self._settings.conversion(convention).convert(grasps, scene, self._gripper)

    def _run(self, folder: str) -> None:
        program = self._arguments[0]
        if shutil.which(program) is None:
            raise GeneratorFault(f"{NAME}: {program} cannot be started (no such program)")
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", overseer.__file__, *self._arguments, folder],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise GeneratorFault(f"{NAME}: {program} cannot be started ({error})") from error
        with process:
            try:
                said = _listen(process, self._settings.timeout_s)
            finally:
                _end(process)
        if said is None:
            raise GeneratorFault(
                f"{NAME}: {program} took longer than {self._settings.timeout_s:g} s and was ended"
            )
        if process.returncode != 0:
            words = " ".join(said.decode(errors="replace").split()) or "no output"
            raise GeneratorFault(
                f"{NAME}: {program} ended with code {process.returncode}: {words}"
            )


def _listen(process: "subprocess.Popen[bytes]", timeout_s: float) -> bytes | None:
    """The end of what a program prints until all of it has ended; None when that takes longer."""
    assert process.stdout is not None
    deadline, end = monotonic() + timeout_s, b""
    output, poller = process.stdout.fileno(), select.poll()
    poller.register(output, select.POLLIN)
    while (left_s := deadline - monotonic()) > 0:
        if poller.poll(left_s * 1e3):
            said = os.read(output, 2**16)
            if not said:
                return end
            end = (end + said)[-TAIL_BYTES:]
    return None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Have the overseer kill what it started and leave, or kill it."""
    process.terminate()
    try:
        process.wait(KILL_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
