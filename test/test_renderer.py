import os
import subprocess
import sys

import pytest

DRAW_FIRST = """
from affordance_grasp.simulation.rendering.renderer import open_renderer
import mujoco
model = mujoco.MjModel.from_xml_string('<mujoco><worldbody><geom size=".1"/></worldbody></mujoco>')
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
renderer = open_renderer(model, 32, 32)
renderer.update_scene(data)
renderer.render()
renderer.close()
import torchvision
"""


def test_torchvision_can_be_imported_after_drawing():
    # Mesa's LLVM and triton's do not bear every order of loading.
    ended = subprocess.run([sys.executable, "-c", DRAW_FIRST], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode()


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        ("glfw", 3, "MUJOCO_GL=glfw cannot draw without a display, and there is none); unset MUJ"),
        ("mesa", 2, "MUJOCO_GL is 'mesa'; it must be egl or osmesa, or not set"),
    ],
)
def test_a_backend_that_cannot_draw_here_is_told_with_those_that_can(value, code, words):
    environment = {name: its for name, its in os.environ.items() if name != "DISPLAY"}
    command = "affordance_grasp.cli experiment --objects mug --poses 1 --rules quality --workers 1"
    ended = subprocess.run(
        [sys.executable, "-m", *command.split()],
        env=environment | {"MUJOCO_GL": value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code
    assert words in ended.stderr.splitlines()[-1], ended.stderr
    assert "apt" not in ended.stderr
