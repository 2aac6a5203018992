"""Household objects: sizes, weights, graspable handles, rest on the table."""

import mujoco
import numpy as np
import pytest

from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.geometry import pose
from affordance_grasp.simulation.dataset.functional_parts import (
    FUNCTIONAL_PARTS,
    functional_parts,
    prompt,
)
from affordance_grasp.simulation.objects import FAMILIES, make_object
from affordance_grasp.simulation.objects.assembly import Assembly, frame_along, lathe
from affordance_grasp.simulation.objects.mjcf import add_object
from affordance_grasp.simulation.objects.primitive import Material, Primitive, Shape, Shell
from affordance_grasp.simulation.rendering.scene_camera import geom_part

GREY = Material((0.5, 0.5, 0.5, 1.0))
SEEDS = range(6)


def compiled(obj, T=None):
    spec = mujoco.MjSpec()
    spec.worldbody.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1])
    add_object(spec, obj, T)
    model = spec.compile()
    return model, mujoco.MjData(model)


@pytest.mark.parametrize("family", FAMILIES)
def test_object_is_of_real_size_and_weight_and_stands_on_the_table(family):
    for seed in SEEDS:
        obj = make_object(family, seed)
        low, high = obj.bounds_m([p for p in obj.parts])
        solid = [p for p in obj.primitives if p.solid]
        lowest = min(p.position_m[2] - p.half_extents_m[2] for p in solid)
        assert lowest == pytest.approx(0, abs=1e-9)
        assert 0.05 <= obj.mass_kg <= 0.9
        assert 0.06 < max(high - low) < 0.36
        assert obj.masses_kg().sum() == pytest.approx(obj.mass_kg)


@pytest.mark.parametrize("family", FAMILIES)
def test_object_rests_where_it_is_put(family):
    obj = make_object(family, 3)
    model, data = compiled(obj, pose(None, [0.5, 0.1, 0.0]))
    for _ in range(500):
        mujoco.mj_step(model, data)
    assert np.linalg.norm(data.qpos[:2] - [0.5, 0.1]) < 0.002
    assert abs(data.qpos[2]) < 0.006
    assert np.abs(data.qvel).max() < 0.02


@pytest.mark.parametrize("family", FAMILIES)
def test_model_weighs_what_the_object_weighs_and_names_its_parts(family):
    obj = make_object(family, 1)
    model, _ = compiled(obj)
    assert model.body("object").mass[0] == pytest.approx(obj.mass_kg)
    names = {geom_part(model.geom(i).name) for i in range(model.ngeom)} - {None}
    assert names == set(obj.parts)


def test_same_seed_same_object_other_seed_other_object():
    assert make_object("mug", 5) == make_object("mug", 5)
    assert make_object("mug", 5) != make_object("mug", 6)


def test_unknown_family_lists_the_known_ones():
    with pytest.raises(UnknownName, match="unknown object 'sofa'; known: mug, knife"):
        make_object("sofa", 0)


def test_mug_handle_leaves_room_for_a_finger():
    for seed in range(20):
        obj = make_object("mug", seed)
        bars = [p for p in obj.primitives if p.part == "handle"]
        wall = max(p.position_m[0] for p in obj.primitives if p.part == "rim")
        outermost = max(bars, key=lambda p: p.position_m[0])
        gap = outermost.position_m[0] - outermost.size[0] - wall
        assert gap > 0.020


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_held_fits_the_gripper(family):
    """Some solid of the held part is thinner than the 85 mm stroke with room to spare."""
    for seed in SEEDS:
        obj = make_object(family, seed)
        held = functional_parts("hold", family)
        narrow = min(2 * sorted(p.half_extents_m)[0] for p in obj.primitives if p.part in held)
        assert narrow < 0.075


def test_every_functional_part_exists_in_every_instance():
    for affordance, families in FUNCTIONAL_PARTS.items():
        for family, parts in families.items():
            for seed in SEEDS:
                assert set(parts) <= set(make_object(family, seed).parts), (affordance, family)
    assert set(FUNCTIONAL_PARTS["hold"]) == set(FAMILIES)


def test_different_affordances_point_at_different_parts():
    assert functional_parts("hold", "knife") != functional_parts("cut_with", "knife")
    assert functional_parts("hold", "mug") != functional_parts("drink_with", "mug")
    assert prompt("cut_with", "knife") == "knife blade"
    assert prompt("hold", "wine_glass") == "wine glass stem"
    with pytest.raises(UnknownName, match="unknown object for 'open'"):
        functional_parts("open", "knife")


@pytest.mark.parametrize(
    ("shape", "size", "volume"),
    [
        (Shape.BOX, (0.1, 0.2, 0.3), 0.048),
        (Shape.SPHERE, (0.1,), 4.18879e-3),
        (Shape.CYLINDER, (0.1, 0.2), 12.56637e-3),
        (Shape.CAPSULE, (0.1, 0.2), 16.75516e-3),
        (Shape.ELLIPSOID, (0.1, 0.2, 0.3), 25.13274e-3),
    ],
)
def test_volume_and_extents_of_primitives(shape, size, volume):
    piece = Primitive("a", shape, size, (0, 0, 0), (1, 0, 0, 0), GREY)
    assert piece.volume_m3 == pytest.approx(volume, rel=1e-5)
    turned = Primitive("a", shape, size, (0, 0, 0), (2**-0.5, 0, 2**-0.5, 0), GREY)
    assert turned.half_extents_m == pytest.approx(piece.half_extents_m[[2, 1, 0]])


def test_primitives_and_materials_refuse_nonsense():
    with pytest.raises(InvalidInput, match="expected 3 numbers"):
        Primitive("a", Shape.BOX, (0.1, 0.1), (0, 0, 0), (1, 0, 0, 0), GREY)
    with pytest.raises(InvalidInput, match="not four numbers"):
        Material((1.0, 2.0, 0.0, 1.0))
    with pytest.raises(InvalidInput, match="two points"):
        Shell("a", ((0.1, 0.0),), 0.002, (0, 0, 0), GREY)


def test_frame_along_is_a_rotation_with_the_axis_as_z():
    for axis in ([0, 0, 1], [0, 0, -2], [1, 1, 0], [0.1, -0.9, 0.3]):
        R = frame_along(axis)
        assert pytest.approx(np.eye(3), abs=1e-12) == R @ R.T
        assert np.linalg.det(R) == pytest.approx(1)
        assert R[:, 2] == pytest.approx(np.array(axis) / np.linalg.norm(axis))


def test_walls_stand_where_the_mesh_is_drawn():
    """The solid wall of a cylinder shell lies between its outer and inner radius."""
    out = Assembly()
    out.shell("wall", [(0.05, 0.0), (0.05, 0.1)], 0.004, GREY)
    for wall in out.primitives:
        x, y, z = wall.position_m
        assert np.hypot(x, y) == pytest.approx(0.048)
        assert z == pytest.approx(0.05)
        assert wall.size[0] == pytest.approx(0.002)
    vertices, faces = lathe(out.shells[0], sectors=64)
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
    assert volume == pytest.approx(np.pi * (0.05**2 - 0.046**2) * 0.1, rel=0.01)
