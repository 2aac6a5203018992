"""The graph beside a recording: it decides by the recording's time, and nothing moves."""

import pytest

pytest.importorskip("launch_ros", reason="no complete ROS 2 here: launch_ros cannot be imported")

from launching import Launch
from test_real_graph import awaited, process

from affordance_grasp.nodes.graph.processes import isolate

pytestmark = pytest.mark.processes


def test_a_recording_is_decided_upon_in_its_own_time(tmp_path):
    isolate()
    with (
        process("recorded_double.py", log=tmp_path / "player.log"),
        Launch("camera:=bag", "query:=hold") as launch,
    ):
        awaited(launch, "process has finished cleanly")  # `ask`, with exit code 0
        awaited(launch, "camera: frames can be used")
        code = launch.interrupt()
    assert code == 0, launch.output
    assert "dry run without a controller" in launch.output
    assert "[controller-" not in launch.output and "[simulator-" not in launch.output
    assert "Traceback" not in launch.output
