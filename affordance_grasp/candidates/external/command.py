"""An external program as grasp generator: started per frame, or once for all of them.

Started per frame, the program finds the frame in the folder that is its last argument. One that
stays up reads the name of such a folder from a line of its input and answers with that line, once
the grasps are in the folder, or with that line, a space and what was wrong. Whatever else it
prints is its own affair.
"""

import shlex
import tempfile
from pathlib import Path
from threading import Lock

from affordance_grasp.candidates.external.exchange import camera_content, read_grasps, write_frame
from affordance_grasp.candidates.external.external_grasps import GeneratorFault
from affordance_grasp.candidates.external.program import OutOfTime, Program
from affordance_grasp.candidates.external.settings import ExternalSettings
from affordance_grasp.candidates.target import ANY, Target
from affordance_grasp.control.gripper import Gripper
from affordance_grasp.datatypes import GraspCandidates, RgbdFrame
from affordance_grasp.errors import InvalidInput, shown
from affordance_grasp.scene.cloud import TableScene, segment_scene

NAME = "command"
TAIL_BYTES = 300
LONGEST_LINE_BYTES = 2**16


class CommandGenerator:
    """Runs the command of the settings; see :mod:`exchange` for the files."""

    name = NAME
    wants_target = True

    def __init__(self, gripper: Gripper, settings: ExternalSettings) -> None:
        """Refuse an empty command; start one that stays up, so that it can load meanwhile."""
        self._gripper, self._settings = gripper, settings
        try:
            self._words = shlex.split(settings.command)
        except ValueError as error:
            raise InvalidInput(f"generator command {shown(settings.command)}: {error}") from error
        if not self._words or "\0" in settings.command:
            raise InvalidInput(
                "the generator 'command' needs the program to run, such as "
                'command="python3 my_grasps.py"'
            )
        self._turn = Lock()
        self._program = Program(self._words, NAME) if settings.persistent else None

    def generate(
        self,
        frame: RgbdFrame,
        seed: int = 0,
        scene: TableScene | None = None,
        target: Target = ANY,
    ) -> GraspCandidates:
        """Propose grasps; the program is given the seed.

        Raises:
            GeneratorFault: the program fails, exceeds the time limit or writes no usable grasps.
        """
        scene = scene or segment_scene(frame, seed=seed)
        told = camera_content(frame.intrinsics, scene.table, self._gripper, seed, target)
        with tempfile.TemporaryDirectory(prefix="grasps_", ignore_cleanup_errors=True) as outer:
            folder = Path(outer) / "frame"  # the program may put something else in its place
            folder.mkdir()
            write_frame(folder, frame, scene, told)
            if self._settings.persistent:
                with self._turn:
                    self._ask(str(folder))
            else:
                self._run(str(folder))
            grasps, convention = read_grasps(folder, NAME)
        return self._settings.conversion(convention).convert(grasps, scene, self._gripper)

    def _run(self, folder: str) -> None:
        """Start the program for one folder, and wait until it has ended."""
        program, tail = Program([*self._words, folder], NAME), b""
        program.close_input()
        try:
            for said in program.output(self._settings.timeout_s):
                tail = (tail + said)[-TAIL_BYTES:]
        except OutOfTime:
            raise self._out_of_time() from None
        finally:
            program.end()
        if program.exit_code != 0:
            raise self._ended(program, tail)

    def _ask(self, folder: str) -> None:
        """Have the program that stays up answer; a new one where the last has ended."""
        program = self._program or Program(self._words, NAME)
        self._program = None
        program.write(folder)
        line, tail = b"", b""
        try:
            for said in program.output(self._settings.timeout_s):
                tail = (tail + said)[-TAIL_BYTES:]
                *lines, line = (line + said)[-LONGEST_LINE_BYTES:].split(b"\n")
                for answer in lines:
                    if answer.startswith(folder.encode()):
                        self._program = program
                        return _refuse(answer[len(folder) :])
        except OutOfTime:
            raise self._out_of_time() from None
        finally:
            if self._program is None:
                program.end()
        raise self._ended(program, tail)

    def _out_of_time(self) -> GeneratorFault:
        return GeneratorFault(
            f"{NAME}: {self._words[0]} took longer than {self._settings.timeout_s:g} s and was "
            "ended"
        )

    def _ended(self, program: Program, said: bytes) -> GeneratorFault:
        words = " ".join(said.decode(errors="replace").split()) or "no output"
        return GeneratorFault(
            f"{NAME}: {self._words[0]} ended with code {program.exit_code}: {words}"
        )


def _refuse(complaint: bytes) -> None:
    """Raise what a program says was wrong, if anything was."""
    words = " ".join(complaint.decode(errors="replace").split())
    if words:
        raise GeneratorFault(f"{NAME}: {words[:TAIL_BYTES]}")
