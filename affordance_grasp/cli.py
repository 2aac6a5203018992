"""The command line: ``affordance-grasp COMMAND``; the modules are in ``commands``.

A command module has ``add_arguments(parser)`` and ``run(arguments) -> int``.
Every error ends with one sentence on standard error and exit code 2 for bad input, 3 for
what this machine lacks: a package, room on the disk, memory, a process that died.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from affordance_grasp import __version__
from affordance_grasp.errors import (
    FULL,
    AffordanceGraspError,
    EnvironmentFault,
    InvalidInput,
    sentence,
)
from affordance_grasp.extras import PACKAGES, missing

ROOMS = {
    "grasping": {
        "demo": "the whole loop through the ROS graph in simulation",
        "ground": "one image and a query -> heatmap",
        "plan": "one RGB-D frame and a query -> ranked grasps",
        "view": "a page in the browser: plan on images or a bag, pick in simulation",
        "generate": "a point cloud -> grasp candidates",
        "replay": "a query over the frames of a rosbag2 recording",
        "experiment": "grasp success with and without affordance over objects x poses",
    },
    "data": {
        "objects": "scans -> objects that can be simulated and picked",
        "dataset": "write the simulated affordance data set in AGD20K's layout",
    },
    "learning": {
        "detect-boxes": "parts and objects in words -> boxes of a detector",
        "pseudo-labels": "part boxes -> pseudo label masks for PLSP",
        "refine-labels": "refine pseudo labels with exocentric images (PLSP stage B)",
        "train-clusters": "train the clusters of parts (ACSeg) that a method may take",
        "train": "train a grounding method",
        "evaluate": "KLD, SIM and NSS of a checkpoint on a test set",
        "ablation": "the rows of a paper's ablation over seeds, as one table",
        "checkpoint": "import released checkpoints",
        "weights": "list and resolve pretrained backbones",
    },
    "robots": {
        "robot": "check what a robot's files describe, and how far it reaches",
        "hand-eye": "check or convert a hand-eye calibration",
    },
}
"""The commands, and what help says of each, by the room of ``commands`` that has the module."""

COMMANDS = {name: room for room, commands in ROOMS.items() for name in commands}


class _Parser(argparse.ArgumentParser):
    """Errors quote what was given, which may be anything."""

    def error(self, message: str) -> NoReturn:
        """One sentence, as every error here; exit code 2."""
        said = sentence(message)
        self.exit(InvalidInput.exit_code, f"{self.prog}: {said}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (2 for bad input, 3 for what the machine lacks)."""
    argv = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in argv if not word.startswith("-")), "")
    try:
        return _run(argv, chosen)
    except BrokenPipeError:
        # The reader, such as head, has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        complaint, code = "stopped", 130
    except (AffordanceGraspError, OSError, MemoryError, ModuleNotFoundError) as error:
        complaint, code = _complaint(error)
    print(sentence(f"affordance-grasp {chosen}: {complaint}"), file=sys.stderr)
    return code


def _complaint(error: Exception) -> tuple[str, int]:
    """One sentence and the exit code; a missing module of no extra is a bug."""
    if isinstance(error, AffordanceGraspError):
        return str(error), error.exit_code
    if isinstance(error, ModuleNotFoundError):
        if (error.name or "").partition(".")[0] not in PACKAGES:
            raise error
        return _complaint(missing(str(error.name), "this command", error))
    if isinstance(error, MemoryError):
        return f"the memory is full ({error})", EnvironmentFault.exit_code
    full = isinstance(error, OSError) and error.errno in FULL
    return f"a file cannot be used: {error}", (
        EnvironmentFault if full else InvalidInput
    ).exit_code


def command_module(name: str) -> str:
    """The module of a command, which is called as it is."""
    return f"affordance_grasp.commands.{COMMANDS[name]}.{name.replace('-', '_')}"


def _run(argv: Sequence[str], chosen: str) -> int:
    parser = _Parser(
        prog="affordance-grasp", description="Affordance-guided grasping: the mug by its handle."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run: Callable[[argparse.Namespace], int] | None = None
    for name, room in COMMANDS.items():
        help_line = ROOMS[room][name]
        command = commands.add_parser(name, help=help_line, description=help_line)
        if name == chosen:  # only the chosen command pays for its imports
            module = import_module(command_module(name))
            module.add_arguments(command)
            run = module.run
    arguments = parser.parse_args(argv)
    return run(arguments) if run else 2


if __name__ == "__main__":
    sys.exit(main())
