"""Ctrl-C at any moment ends every process of the launch file, quietly and without force."""

from time import monotonic, sleep

import pytest

pytest.importorskip("launch_ros", reason="no complete ROS 2 here: launch_ros cannot be imported")

from launching import Launch

from affordance_grasp.nodes.graph import isolate

WAIT_S = 200.0


def awaited(launch, words):
    deadline = monotonic() + WAIT_S
    while words not in launch.output:
        launch.check()
        assert monotonic() < deadline, launch.output
        sleep(0.05)


@pytest.mark.parametrize(
    "moment",
    [
        "[ask-6]: process started",  # libraries are loading
        "stands on the table",  # networks are loading, `ask` waits
        "[ask]: approach",  # the arm moves
    ],
    ids=["loading", "waiting", "moving"],
)
def test_ctrl_c_ends_everything_quietly(moment):
    isolate()
    with Launch("query:=hold", "object:=mug") as launch:
        awaited(launch, moment)
        assert launch.interrupt() == 0, launch.output
    for words in ("Traceback", "process has died", "escalating", "terminate called"):
        assert words not in launch.output, launch.output
    assert launch.output.count("process has finished cleanly") == 6, launch.output
