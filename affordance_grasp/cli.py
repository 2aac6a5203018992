"""The command line: ``affordance-grasp COMMAND``; one module per command in ``commands``.

A command module has ``add_arguments(parser)`` and ``run(arguments) -> int``.
Bad input ends with one sentence on standard error and exit code 2.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from affordance_grasp.errors import AffordanceGraspError

COMMANDS = {
    "demo": "the whole loop through the ROS graph in simulation",
    "ground": "one image and a query -> heatmap",
    "plan": "one RGB-D frame and a query -> ranked grasps",
    "replay": "a query over the frames of a rosbag2 recording",
    "experiment": "grasp success with and without affordance over objects x poses",
    "dataset": "write the simulated affordance data set in AGD20K's layout",
    "pseudo-labels": "part boxes -> pseudo label masks for PLSP",
    "refine-labels": "refine pseudo labels with exocentric pictures (PLSP stage B)",
    "train": "train a grounding method",
    "evaluate": "KLD, SIM and NSS of a checkpoint on a test set",
    "ablation": "the rows of a paper's ablation over seeds, as one table",
    "benchmark": "time our methods beside a plain version of the released code",
    "checkpoint": "import released checkpoints",
    "hand-eye": "check or convert a hand-eye calibration",
    "weights": "list and resolve pretrained backbones",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (2 for bad input)."""
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="affordance-grasp", description="Affordance-guided grasping: the mug by its handle."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in argv if not word.startswith("-")), None)
    module: ModuleType | None = None
    for name, help_line in COMMANDS.items():
        command = commands.add_parser(name, help=help_line, description=help_line)
        if name == chosen:  # only the chosen command pays for its imports
            module = import_module(f"affordance_grasp.commands.{name.replace('-', '_')}")
            module.add_arguments(command)
    arguments = parser.parse_args(argv)
    try:
        return int(module.run(arguments)) if module else 2
    except AffordanceGraspError as error:
        print(f"affordance-grasp {chosen}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader, such as head, has gone; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"affordance-grasp {chosen}: a file cannot be used: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"affordance-grasp {chosen}: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
