from pathlib import Path

import numpy as np
import pytest

from affordance_grasp.control.arm.link_shapes import load_shapes
from affordance_grasp.control.arm.meshes import find_mesh, read_triangles
from affordance_grasp.control.arm.urdf import load_arm
from affordance_grasp.errors import InvalidInput, MissingPackage

ONE = np.ones(3)
SOLID = "solid s\nfacet normal 0 0 1\nouter loop\n{}endloop\nendfacet\nendsolid s\n"
STL = SOLID.format("vertex 0 0 0\nvertex 0.2 0 0\nvertex 0 0.1 0\n")
OBJ = "mtllib absent.mtl\nusemtl steel\nv 0 0 0\nv 0.2 0 0\nv 0 0.1 0\nf 1 2 3\n"
DAE = """<?xml version="1.0"?>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset><unit meter="0.01"/><up_axis>Y_UP</up_axis></asset>
<library_geometries><geometry id="g"><mesh>
<source id="p"><float_array id="a" count="9">0 0 0 20 0 0 0 10 0</float_array><technique_common>
<accessor source="#a" count="3" stride="3"><param name="X" type="float"/>
<param name="Y" type="float"/><param name="Z" type="float"/></accessor></technique_common></source>
<vertices id="v"><input semantic="POSITION" source="#p"/></vertices>
<triangles count="1"><input semantic="VERTEX" source="#v" offset="0"/><p>0 1 2</p></triangles>
</mesh></geometry></library_geometries>
<library_visual_scenes><visual_scene id="s"><node id="n"><translate>0 0 5</translate>
<instance_geometry url="#g"/></node></visual_scene></library_visual_scenes>
<scene><instance_visual_scene url="#s"/></scene></COLLADA>
"""
needs_trimesh = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("trimesh"),
    reason="trimesh (extra: mesh) is not installed",
)


def put(path: Path, text: str = STL) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_package_is_found_through_ament_then_the_ros_path_then_above_the_urdf(
    tmp_path, monkeypatch
):
    urdf = put(tmp_path / "up" / "urdf" / "arm.urdf", "")
    reference = "package://arm_description/meshes/link%201.stl"
    inside = Path("arm_description") / "meshes" / "link 1.stl"
    above = put(tmp_path / "up" / inside)
    assert find_mesh(reference, urdf, "link a") == above
    listed = put(tmp_path / "ros" / inside)
    monkeypatch.setenv("ROS_PACKAGE_PATH", f"{tmp_path / 'none'}:{tmp_path / 'ros'}")
    assert find_mesh(reference, urdf, "link a") == listed
    installed = put(tmp_path / "prefix" / "share" / inside)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path / "prefix"))
    assert find_mesh(reference, urdf, "link a") == installed


def test_a_checkout_of_another_name_is_known_by_its_package_xml(tmp_path):
    urdf = put(tmp_path / "Arms_ROS2" / "urdf" / "arm.urdf", "")
    mesh = put(tmp_path / "Arms_ROS2" / "link.stl")
    with pytest.raises(
        InvalidInput, match=r"link\.stl' is not there; looked at .*; source the wo"
    ):
        find_mesh("package://arms/link.stl", urdf, "link a")
    put(tmp_path / "Arms_ROS2" / "package.xml", "<package><name> arms </name></package>")
    assert find_mesh("package://arms/link.stl", urdf, "link a") == mesh


def test_files_are_found_beside_the_urdf_and_where_a_url_says(tmp_path):
    urdf, mesh = put(tmp_path / "arm.urdf", ""), put(tmp_path / "m" / "a.STL")
    assert find_mesh("m/a.STL", urdf, "link a") == mesh
    assert find_mesh(f"file://{mesh}", urdf, "link a") == mesh
    assert find_mesh(str(mesh), urdf, "link a") == mesh


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("m/b.stl", "link a: mesh 'm/b.stl' is not there; looked at .*/m/b.stl$"),
        ("http://x/a.stl", "expected package://, file:// or a path"),
        ("a.step", r"expected a file of \.stl, \.dae, \.obj"),
        ("", r"expected a file of \.stl"),
        ("package://[x/a.stl", "link a: mesh 'package://.x/a.stl' is no URL"),
        ("package://x/\0.stl", "is not there"),
        ("7" * 5000 + ".stl", "is not there"),
    ],
)
def test_a_mesh_that_is_not_there_is_named(tmp_path, reference, words):
    with pytest.raises(InvalidInput, match=words):
        find_mesh(reference, put(tmp_path / "arm.urdf", ""), "link a")


def test_without_the_library_its_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "trimesh", None)
    with pytest.raises(MissingPackage, match=r"a mesh in link a needs .* trimesh.*\[mesh\]"):
        read_triangles(put(tmp_path / "a.stl"), ONE, "link a")


@needs_trimesh
@pytest.mark.parametrize(("name", "text"), [("a.stl", STL), ("a.obj", OBJ), ("a.dae", DAE)])
def test_corners_are_read_in_metres_and_scaled(tmp_path, name, text):
    if name == "a.dae":
        pytest.importorskip("collada", reason="pycollada (extra: mesh) is not installed")
    path, lifted = put(tmp_path / name, text), 0.05 if name == "a.dae" else 0.0
    expected = np.array([[[0, 0, lifted], [0.2, 0, lifted], [0, 0.1, lifted]]])
    np.testing.assert_allclose(read_triangles(path, ONE, "link a"), expected, atol=1e-7)
    scaled = read_triangles(path, np.array([2.0, 1.0, -1.0]), "link a")
    np.testing.assert_allclose(scaled, expected * [2, 1, -1], atol=1e-7)


@needs_trimesh
@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.stl", "nonsense", "a.stl (cannot be read|has 0 faces)"),
        (
            "a.stl",
            SOLID.format("vertex 0 0 0\nvertex 200 0 0\nvertex 0 100 0\n"),
            "200 m wide.*scale",
        ),
        ("a.obj", "v 0 0 0\n", "a.obj (cannot be read|has 0 faces)"),
        ("a.dae", "<COLLADA/>", "a.dae cannot be read"),
    ],
)
def test_a_mesh_that_cannot_be_used_is_named(tmp_path, name, text, words):
    if name == "a.dae":
        pytest.importorskip("collada", reason="pycollada (extra: mesh) is not installed")
    with pytest.raises(InvalidInput, match=words):
        read_triangles(put(tmp_path / name, text), ONE, "link a")


@needs_trimesh
def test_a_links_mesh_becomes_shapes_around_it(tmp_path):
    urdf = put(
        tmp_path / "arm.urdf",
        '<robot name="r"><link name="base_link"/><link name="tool0"/><link name="a"><collision>'
        '<origin xyz="0 0 1"/><geometry><mesh filename="a.stl" scale="1 1 3"/></geometry>'
        '</collision></link><joint name="one" type="continuous"><parent link="base_link"/>'
        '<child link="a"/></joint><joint name="two" type="fixed"><parent link="a"/>'
        '<child link="tool0"/></joint></robot>',
    )
    put(tmp_path / "a.stl")
    shapes = load_shapes(urdf, load_arm(urdf))
    assert {shape.frame for shape in shapes} == {0}
    assert all(shape.T_link_shape[2, 3] == pytest.approx(1.0) for shape in shapes)
