import subprocess
import sys

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
