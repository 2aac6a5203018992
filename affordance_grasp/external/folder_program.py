"""A program of others that is handed folders: started for each of them, or once for all.

Started for each, the program finds the folder as its last argument. One that stays up reads the
name of a folder from a line of its input and answers with that line, once its answer lies in the
folder, or with that line, a space and what was wrong. Whatever else it prints is its own affair.
"""

import json
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.errors import ExternalFault, InvalidInput, shown, writing
from affordance_grasp.external.program import OutOfTime, Program
from affordance_grasp.files import read_bytes

REQUEST = "request.json"
TAIL_BYTES = 300
LONGEST_LINE_BYTES = 2**16
MAX_FILE_BYTES = 32 * 2**20


class FolderProgram:
    """The program of a command line; ``name`` says in errors what it is used for."""

    def __init__(self, command: str, name: str, timeout_s: float, *, persistent: bool) -> None:
        """Refuse an empty command; start one that stays up, so that it can load meanwhile."""
        self._name, self._timeout_s, self._persistent = name, timeout_s, persistent
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise InvalidInput(f"{name} {shown(command)}: {error}") from error
        if not self._words or "\0" in command:
            raise InvalidInput(f'{name} needs the program to run, such as "python3 my_model.py"')
        self._turn = Lock()
        self._running = Program(self._words, name) if persistent else None

    def answer(self, folder: Path) -> None:
        """Return once the answer is in the folder.

        Raises:
            ExternalFault: the program fails or exceeds the time limit.
        """
        if not self._persistent:
            self._run(str(folder))
            return
        with self._turn:
            self._ask(str(folder))

    def ask_of_image(
        self, color: NDArray[np.uint8], image: str, request: Mapping[str, object], answer: str
    ) -> bytes:
        """The file ``answer`` that the program leaves beside an image and a request.

        ``color`` (H, W, 3) rgb is the PNG ``image``; its size and ``request`` are JSON.

        Raises:
            ExternalFault: the program fails, exceeds the time limit or leaves no such file.
        """
        height, width = color.shape[:2]
        asked = json.dumps({**request, "width": width, "height": height})
        with exchange_folder("image_") as folder:
            with writing(folder):
                encoded = cv2.imencode(".png", color[..., ::-1])[1].tobytes()
                (folder / image).write_bytes(encoded)
                (folder / REQUEST).write_text(asked, encoding="utf-8")
            self.answer(folder)
            found = read_answer(folder, answer, self._name)
        if found is None:
            raise ExternalFault(f"{self._name}: the program left no {answer} in its folder")
        return found

    def _run(self, folder: str) -> None:
        """Start the program for one folder, and wait until it has ended."""
        program, tail = Program([*self._words, folder], self._name), b""
        program.close_input()
        try:
            for said in program.output(self._timeout_s):
                tail = (tail + said)[-TAIL_BYTES:]
        except OutOfTime:
            raise self._out_of_time() from None
        finally:
            program.end()
        if program.exit_code != 0:
            raise self._ended(program, tail)

    def _ask(self, folder: str) -> None:
        """Have the program that stays up answer; a new one where the last has ended."""
        program = self._running or Program(self._words, self._name)
        self._running = None
        program.write(folder)
        line, tail = b"", b""
        try:
            for said in program.output(self._timeout_s):
                tail = (tail + said)[-TAIL_BYTES:]
                *lines, line = (line + said)[-LONGEST_LINE_BYTES:].split(b"\n")
                for answer in lines:
                    if answer.startswith(folder.encode()):
                        self._running = program
                        return self._refuse(answer[len(folder) :])
        except OutOfTime:
            raise self._out_of_time() from None
        finally:
            if self._running is None:
                program.end()
        raise self._ended(program, tail)

    def _refuse(self, complaint: bytes) -> None:
        """Raise what a program says was wrong, if anything was."""
        words = " ".join(complaint.decode(errors="replace").split())
        if words:
            raise ExternalFault(f"{self._name}: {words[:TAIL_BYTES]}")

    def _out_of_time(self) -> ExternalFault:
        return ExternalFault(
            f"{self._name}: {self._words[0]} took longer than {self._timeout_s:g} s and was ended"
        )

    def _ended(self, program: Program, said: bytes) -> ExternalFault:
        words = " ".join(said.decode(errors="replace").split()) or "no output"
        return ExternalFault(
            f"{self._name}: {self._words[0]} ended with code {program.exit_code}: {words}"
        )


def read_answer(folder: Path, file: str, name: str) -> bytes | None:
    """What a program left in a file of its folder; None where it left none.

    Raises:
        ExternalFault: the file or the folder is a link, no regular file, or too large.
    """
    path = folder / file
    for place in (folder, path):
        if place.is_symlink():
            raise ExternalFault(f"{name}: {place.name} is a link; expected {file} itself")
    if not path.exists():
        return None
    try:
        return read_bytes(path, f"{name}:", MAX_FILE_BYTES)
    except InvalidInput as error:
        raise ExternalFault(str(error)) from error


@contextmanager
def exchange_folder(prefix: str) -> Iterator[Path]:
    """A new folder for one question and its answer; the program may put another in its place."""
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as outer:
        folder = Path(outer) / "frame"
        folder.mkdir()
        yield folder
