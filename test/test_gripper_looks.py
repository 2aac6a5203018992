"""A gripper is drawn as its own description has it, and touches with the model's own shapes."""

import mujoco
import numpy as np
import pytest
from small_meshes import write_stl

from affordance_grasp.control.gripper_kinds import load_gripper
from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import InvalidInput
from affordance_grasp.share import share_path
from affordance_grasp.simulation.models.fingertip import FINGER_JOINTS
from affordance_grasp.simulation.models.gripper_looks import add_gripper_looks
from affordance_grasp.simulation.models.gripper_model import ACTUATOR, add_gripper
from affordance_grasp.simulation.models.room import empty_world

PLATE = np.array([[0.0, 0, 0], [0.01, 0, 0], [0, 0.01, 0.002], [0.004, 0.003, 0.01]])
FACETS = ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3))
SHAPE = '<visual><geometry><mesh filename="plate.stl"/></geometry></visual>'
TURNED = {"x": (1.0, 0.0, "0 -1 0", "0 1 0"), "y": (0.0, 1.0, "1 0 0", "-1 0 0")}
"""Where fingers that close along x or y sit, and the axes of the one and of the other hinge."""


def described(gripper, along, inner_at_m=0.0127):
    """One finger of a four-bar with an inner bar, as the descriptions of the 2F-85 have it."""
    x, y, axis, back = TURNED[along]
    at = [f"{x * v} {y * v}" for v in (gripper.knuckle_x_m, inner_at_m, gripper.arm_x_m)]
    return f"""<robot name="gripper">
  <link name="base">{SHAPE}</link>
  <link name="knuckle">{SHAPE}</link><link name="inner">{SHAPE}</link>
  <link name="finger">{SHAPE}</link><link name="tip">{SHAPE}</link>
  <joint name="any_name" type="revolute"><parent link="base"/><child link="knuckle"/>
    <origin xyz="{at[0]} {gripper.knuckle_z_m}"/><axis xyz="{axis}"/></joint>
  <joint name="inner_joint" type="continuous"><parent link="base"/><child link="inner"/>
    <origin xyz="{at[1]} 0.0614"/><axis xyz="{axis}"/><mimic joint="any_name"/></joint>
  <joint name="bolted" type="fixed"><parent link="knuckle"/><child link="finger"/></joint>
  <joint name="tip_joint" type="revolute"><parent link="finger"/><child link="tip"/>
    <origin xyz="{at[2]} {gripper.arm_z_m}"/><axis xyz="{back}"/><mimic joint="any_name"/></joint>
</robot>"""


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("trimesh", reason="no trimesh here: meshes cannot be read")
    write_stl(tmp_path / "plate.stl", [PLATE[list(facet)] for facet in FACETS])
    return tmp_path


def drawn(gripper, urdf):
    spec = empty_world()
    add_gripper(spec, spec.worldbody.add_body(name="tool0"), gripper)
    add_gripper_looks(spec, gripper, urdf)
    model = spec.compile()
    looks = [model.geom(i) for i in range(model.ngeom) if "look" in model.geom(i).name]
    return model, looks


def corners_of(model, data, geom):
    start, count = model.mesh_vertadr[geom.dataid[0]], model.mesh_vertnum[geom.dataid[0]]
    vertices = model.mesh_vert[start : start + count]
    at = vertices @ data.geom(geom.id).xmat.reshape(3, 3).T + data.geom(geom.id).xpos
    return np.unique(at.round(6), axis=0)


@pytest.mark.parametrize(("along", "side"), [("x", "right"), ("y", "left")])
def test_links_are_drawn_on_the_bodies_that_move_as_they_do(folder, along, side):
    gripper = load_gripper(share_path("config/gripper_2f85.yaml"))
    (folder / "g.urdf").write_text(described(gripper, along))
    model, looks = drawn(gripper, folder / "g.urdf")
    bodies = sorted(model.body(int(geom.bodyid[0])).name for geom in looks)
    assert bodies == ["gripper", f"{side}_knuckle_link", f"{side}_knuckle_link", f"{side}_tip"]
    assert all(geom.rgba[3] == 1 and not geom.conaffinity[0] for geom in looks)


def test_what_is_drawn_hides_what_touches_but_not_the_gripping_surfaces(folder):
    gripper = load_gripper(share_path("config/gripper_2f85.yaml"))
    (folder / "g.urdf").write_text(described(gripper, "x"))
    model, _ = drawn(gripper, folder / "g.urdf")
    for name in ("gripper/palm", "gripper/right_tip", "gripper/right_link/00"):
        assert model.geom(name).rgba[3] == 0 and model.geom(name).conaffinity[0] == 1
    for name in ("gripper/coupling", "pad/right", "pad/left", "gripper/left_tip"):
        assert model.geom(name).rgba[3] == 1


def test_a_fingertip_moves_as_its_description_says(folder):
    gripper = load_gripper(share_path("config/gripper_2f85.yaml"))
    (folder / "g.urdf").write_text(described(gripper, "x"))
    model, looks = drawn(gripper, folder / "g.urdf")
    (tip,) = [geom for geom in looks if model.body(int(geom.bodyid[0])).name == "right_tip"]
    data = mujoco.MjData(model)
    for width_m in (gripper.max_width_m, 0.02):
        q = gripper.joint_from_width(width_m)
        data.ctrl[model.actuator(ACTUATOR).id] = q
        mujoco.mj_step(model, data, nstep=500)
        q = float(np.mean([data.joint(name).qpos[0] for name in FINGER_JOINTS]))
        x = gripper.knuckle_x_m + gripper.arm_x_m * np.cos(q) - gripper.arm_z_m * np.sin(q)
        z = gripper.knuckle_z_m + gripper.arm_z_m * np.cos(q) + gripper.arm_x_m * np.sin(q)
        wanted = PLATE + [x, 0, z + gripper.coupling_m]
        wanted = np.unique(wanted, axis=0)
        np.testing.assert_allclose(corners_of(model, data, tip), wanted, atol=4e-4)


def test_sliding_fingers_are_drawn(folder):
    gripper = load_gripper(share_path("config/gripper_hande.yaml"))
    (folder / "g.urdf").write_text(f"""<robot name="gripper"><link name="base"/>
  <link name="right">{SHAPE}</link><link name="left">{SHAPE}</link>
  <joint name="slide" type="prismatic"><parent link="base"/><child link="right"/>
    <axis xyz="1 0 0"/></joint>
  <joint name="other" type="prismatic"><parent link="base"/><child link="left"/>
    <axis xyz="-1 0 0"/><mimic joint="slide"/></joint></robot>""")
    model, looks = drawn(gripper, folder / "g.urdf")
    bodies = sorted(model.body(int(geom.bodyid[0])).name for geom in looks)
    assert bodies == ["left_finger_link", "right_finger_link"]


@pytest.mark.parametrize("mesh", ["plate.stl", "absent.stl"])
def test_the_description_of_another_gripper_is_refused(folder, mesh):
    gripper = load_gripper(share_path("config/gripper_franka.yaml"))
    text = described(load_gripper(share_path("config/gripper_2f85.yaml")), "x")
    (folder / "g.urdf").write_text(text.replace("plate.stl", mesh))
    with pytest.raises(InvalidInput, match=r"no link with a mesh .* finger of franka_hand"):
        drawn(gripper, folder / "g.urdf")


def test_a_robots_settings_name_the_description(folder):
    text = share_path("config/aubo_i5.yaml").read_text()
    (folder / "arm.yaml").write_text(f"{text}\ngripper_urdf: g.urdf\n")
    (folder / "g.urdf").write_text("<robot/>")
    assert load_robot(folder / "arm.yaml").gripper_urdf == folder / "g.urdf"
    assert load_robot().gripper_urdf is None
