"""Ctrl-C at any moment ends every process of the launch file, quietly and without force."""

import re
from pathlib import Path
from time import monotonic, sleep

import pytest

pytest.importorskip("launch_ros", reason="no complete ROS 2 here: launch_ros cannot be imported")

from launching import Launch

from affordance_grasp.nodes.graph.processes import isolate

pytestmark = pytest.mark.processes

WAIT_S = 200.0  # less than a test may take, so that a failure shows what was printed
PROCESSES = 6


def libraries_are_loading(launch):
    """Every process is past its first lines and has loaded one of its libraries."""
    ids = re.findall(r"process started with pid \[(\d+)\]", launch.output)
    return len(ids) == PROCESSES and all(
        "numpy" in (Path("/proc") / process / "maps").read_text() for process in ids
    )


def somebody_waits(launch):
    return "stands on the table" in launch.output


def the_arm_moves(launch):
    return "[controller]: approach" in launch.output


@pytest.mark.parametrize("moment", [libraries_are_loading, somebody_waits, the_arm_moves])
def test_ctrl_c_ends_everything_quietly(moment):
    isolate()
    with Launch("query:=hold", "object:=mug") as launch:
        deadline = monotonic() + WAIT_S
        while not moment(launch):
            launch.check()
            assert monotonic() < deadline, launch.output
            sleep(0.02)
        assert launch.interrupt() == 0, launch.output
    for words in ("Traceback", "process has died", "escalating", "terminate called"):
        assert words not in launch.output, launch.output
    assert launch.output.count("process has finished cleanly") == PROCESSES, launch.output
