"""The launch file itself: nodes start, a mug is picked, and Ctrl-C ends all of it cleanly."""

from importlib.util import find_spec
from time import monotonic, sleep

import pytest

pytest.importorskip("launch_ros", reason="no complete ROS 2 here: launch_ros cannot be imported")

from launching import Launch

from affordance_grasp.nodes.graph.processes import isolate

pytestmark = pytest.mark.processes

PICK_S = 200.0  # less than a test may take, so that a failure shows what was printed


def awaited(launch, words, timeout_s=PICK_S):
    deadline = monotonic() + timeout_s
    while words not in launch.output:
        launch.check()
        assert monotonic() < deadline, launch.output
        sleep(0.1)


def test_a_mug_is_picked_by_the_launch_file_and_ctrl_c_ends_it():
    isolate()
    page = ["view:=true", "port:=0"] if find_spec("viser") else []
    with Launch("query:=hold", "object:=mug", *page) as launch:
        awaited(launch, "between the fingers")
        awaited(launch, "process has finished cleanly")  # `ask`, with exit code 0
        assert not page or "open http://127.0.0.1:" in launch.output, launch.output
        code = launch.interrupt()
    assert code == 0, launch.output
    assert "process has died" not in launch.output, launch.output
    assert "Traceback" not in launch.output
