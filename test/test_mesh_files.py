"""Meshes of files are placed as the files say, and counted before they are joined."""

import zipfile

import numpy as np
import pytest

from affordance_grasp.errors import InvalidInput
from affordance_grasp.mesh_files import MAX_MESHES, load_meshes

trimesh = pytest.importorskip("trimesh", reason="trimesh (extra: mesh) is not installed")

TRIANGLE = "v 0 0 0\nv 0.2 0 0\nv 0 0.1 0\nf 1 2 3\n"


def load(path, most_faces=100, **options):
    return load_meshes(path, "mesh", "this test", most_faces, **options)


def obj(folder, text):
    path = folder / "a.obj"
    path.write_text(text)
    return path


def repeated(folder, count):
    """One box, of 12 faces, in several places of a scene."""
    scene = trimesh.Scene()
    box = trimesh.creation.box((0.1, 0.1, 0.1))
    for number in range(count):
        T = trimesh.transformations.translation_matrix([number, 0, 0])
        scene.add_geometry(box, geom_name="box", node_name=f"n{number}", transform=T)
    path = folder / "scene.glb"
    path.write_bytes(scene.export(file_type="glb"))
    return path


def test_a_mesh_counts_as_often_as_it_stands_in_its_file(tmp_path):
    path = repeated(tmp_path, 3)
    meshes = load(path, 36)
    assert sorted(mesh.vertices[:, 0].mean() for mesh in meshes) == pytest.approx([0, 1, 2])
    assert all(np.ptp(mesh.vertices, axis=0) == pytest.approx(0.1) for mesh in meshes)
    with pytest.raises(InvalidInput, match=r"scene\.glb has 36 faces; 1 to 35 are read"):
        load(path, 35)


def test_a_file_of_too_many_meshes_is_refused(tmp_path):
    path = repeated(tmp_path, MAX_MESHES + 1)
    with pytest.raises(InvalidInput, match="has 201 meshes; at most 200 are read"):
        load(path, 10_000)


def test_files_beside_a_mesh_matter_for_its_looks_alone(tmp_path):
    for name in ("../elsewhere.mtl", "gone.mtl"):
        path = obj(tmp_path, f"mtllib {name}\nusemtl steel\n{TRIANGLE}")
        with pytest.raises(InvalidInput, match=name.rpartition("/")[2]):
            load(path)
        (mesh,) = load(path, looks=False)
        assert mesh.vertices[mesh.faces].shape == (1, 3, 3)


def test_an_archive_is_not_unpacked(tmp_path):
    path = tmp_path / "a.dae"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.dae", "<COLLADA/>")
    pytest.importorskip("collada", reason="pycollada (extra: mesh) is not installed")
    with pytest.raises(InvalidInput, match=r"a\.dae is an archive"):
        load(path)


@pytest.mark.parametrize(
    "text", [TRIANGLE.replace("0.2", "nan"), TRIANGLE.replace("f 1", "f 9"), "", "nonsense"]
)
def test_a_broken_mesh_is_refused(tmp_path, text):
    with pytest.raises(InvalidInput, match=r"mesh .*a\.obj (cannot be read|has 0 faces)"):
        load(obj(tmp_path, text))
