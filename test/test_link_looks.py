"""An arm is drawn as the meshes of its URDF have it, and touches with what is checked."""

import mujoco
import numpy as np
import pytest
from small_meshes import write_stl

from affordance_grasp.control.arm.link_shapes import load_shapes
from affordance_grasp.control.arm.urdf import load_arm
from affordance_grasp.control.robot import load_robot
from affordance_grasp.simulation.models.arm_model import add_arm
from affordance_grasp.simulation.models.link_looks import load_looks
from affordance_grasp.simulation.models.room import empty_world

TRIANGLE = np.array([[0.0, 0, 0], [0.2, 0, 0], [0, 0.1, 0]])
URDF = """<robot name="one">
  <link name="base_link"/>
  <joint name="turn" type="revolute">
    <parent link="base_link"/><child link="arm"/><origin xyz="0 0 0.3"/><axis xyz="0 0 1"/>
    <limit lower="-1" upper="1" velocity="1" effort="1"/>
  </joint>
  <link name="arm">
    <collision><geometry><box size="0.3 0.1 0.1"/></geometry></collision>
    <visual><origin xyz="0.05 0 0" rpy="0 0 1.5707963267948966"/>
      <geometry><mesh filename="{mesh}"/></geometry></visual>
  </link>
  <joint name="bolted" type="fixed">
    <parent link="arm"/><child link="cover"/><origin xyz="0 0 0.1"/>
  </joint>
  <link name="cover"><visual><geometry><mesh filename="{mesh}" scale="2 2 2"/></geometry></visual>
  </link>
  <joint name="flange" type="fixed"><parent link="arm"/><child link="tool0"/></joint>
  <link name="tool0"/>
</robot>"""


@pytest.fixture
def urdf(tmp_path):
    write_stl(tmp_path / "plate.stl", [TRIANGLE])
    path = tmp_path / "one.urdf"
    path.write_text(URDF.format(mesh="plate.stl"))
    return path


def test_a_link_looks_as_its_meshes_and_those_of_what_is_fixed_to_it(urdf):
    pytest.importorskip("trimesh", reason="no trimesh here: meshes cannot be read")
    (look,) = load_looks(urdf, load_arm(urdf))
    assert look.frame == 0
    turned = TRIANGLE[:, [1, 0, 2]] * [-1, 1, 1] + [0.05, 0, 0]
    np.testing.assert_allclose(look.triangles_m[0], turned, atol=1e-6)
    np.testing.assert_allclose(look.triangles_m[1], 2 * TRIANGLE + [0, 0, 0.1], atol=1e-6)


def test_what_touches_is_not_seen_behind_the_looks(urdf):
    pytest.importorskip("trimesh", reason="no trimesh here: meshes cannot be read")
    arm = load_arm(urdf)
    spec = empty_world()
    add_arm(spec, arm, load_shapes(urdf, arm), load_looks(urdf, arm))
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    shape, look = model.geom("arm/0/box0"), model.geom("arm/0/look")
    assert shape.rgba[3] == 0 and look.rgba[3] == 1
    assert look.contype[0] == look.conaffinity[0] == 0
    corners = model.mesh_vert[:] @ data.geom(look.id).xmat.reshape(3, 3).T
    highest = (corners + data.geom(look.id).xpos)[:, 2].max()
    assert highest == pytest.approx(0.3 + 0.1, abs=1e-6)


@pytest.mark.parametrize("name", ["absent.stl", "package://nobody/plate.stl", "plate.3ds"])
def test_an_arm_whose_looks_are_not_there_is_drawn_as_its_shapes(urdf, name):
    urdf.write_text(URDF.format(mesh=name))
    assert load_looks(urdf, load_arm(urdf)) == ()


def test_the_arms_that_ship_have_no_meshes():
    robot = load_robot("config/panda.yaml")
    assert load_looks(robot.urdf, robot.arm) == ()
