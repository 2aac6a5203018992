import os
from contextlib import contextmanager
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest

from affordance_grasp.errors import InvalidInput, MissingPackage
from affordance_grasp.scene import cloud_files
from affordance_grasp.scene.cloud_files import MAX_POINTS, read_cloud, write_cloud
from affordance_grasp.scene.point_cloud import GRAY, PointCloud

try:
    import open3d
except ImportError:
    open3d = None
with_open3d = pytest.mark.skipif(open3d is None, reason="open3d (extra: view) is not installed")
FORMATS = pytest.mark.parametrize("suffix", [".ply", ".pcd", ".PLY"])

PCD = (
    "VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 2\nHEIGHT 2\n"
    "POINTS 4\nDATA ascii\n"
)


def cloud(count=50):
    rng = np.random.default_rng(0)
    points = rng.uniform(0.1, 0.9, (count, 3)).astype(np.float32)
    return PointCloud(points, rng.integers(0, 256, (count, 3), dtype=np.uint8))


def ply(*rows, count=None, colors=""):
    lines = ["ply", "format ascii 1.0", f"element vertex {len(rows) if count is None else count}"]
    lines += [f"property float {axis}" for axis in "xyz"]
    lines += [f"property {colors} {name}" for name in ("red", "green", "blue") if colors]
    return "\n".join([*lines, "end_header", *rows, ""])


@with_open3d
@FORMATS
def test_points_and_colours_survive_the_round_trip(tmp_path, suffix):
    path = write_cloud(tmp_path / "new" / f"cloud{suffix}", cloud(), heatmap=np.arange(50.0))
    read = read_cloud(path)
    np.testing.assert_array_equal(read.points_cam, cloud().points_cam)
    np.testing.assert_array_equal(read.color, cloud().color)


@with_open3d
def test_values_are_fields_of_the_points(tmp_path):
    path = write_cloud(tmp_path / "cloud.ply", cloud(), heatmap=np.arange(50.0))
    stored = open3d.t.io.read_point_cloud(str(path))
    np.testing.assert_array_equal(stored.point["heatmap"].numpy()[:, 0], np.arange(50.0))


@with_open3d
def test_other_programs_files_are_read(tmp_path):
    path = tmp_path / "cloud.ply"
    path.write_text(ply("0 0 1", "nan 0 1", "0 0 -2"))
    read = read_cloud(path)
    np.testing.assert_array_equal(read.points_cam, [[0, 0, 1]])
    assert (read.color == GRAY).all()
    path.write_text(ply("0 0 1 255 0 10", colors="uchar"))
    np.testing.assert_array_equal(read_cloud(path).color, [[255, 0, 10]])
    organised = tmp_path / "organised.pcd"
    organised.write_text(PCD + "0 0 1\nnan nan nan\n0 inf 2\n0 1 3\n")
    assert read_cloud(organised).points_cam[:, 2].tolist() == [1, 3]


@with_open3d
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cloud.ply", ply("0 0 1", count=3)),
        ("cloud.ply", ply("0 0 1", "0 0")),
        ("cloud.ply", ply("0 0 1", "0 inf 1")),  # infinity is no number in a PLY of text
        ("cloud.ply", ply()),
        ("cloud.ply", None),
        ("cloud.pcd", None),
        ("cloud.pcd", PCD + "0 0 1\n0 0 2\n0 0 3\n"),
        ("cloud.pcd", PCD + "0 0 1\n0 0 2\n0 0 3\n0 0 4"),  # of 4.2, perhaps
    ],
)
def test_an_incomplete_file_is_refused_in_one_sentence(tmp_path, name, content, capfd):
    path = tmp_path / name
    if content is None:
        whole = write_cloud(path, cloud()).read_bytes()
        path.write_bytes(whole[: len(whole) // 2 + 40])
    else:
        path.write_text(content)
    with pytest.raises(InvalidInput, match="cut short or damaged"):
        read_cloud(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.ply", None, "cannot be read"),
        ("image.png", "", "expected .ply or .pcd"),
        ("cloud.ply", "hello", "does not begin as a PLY"),
        ("cloud.pcd", ply("0 0 1"), "does not begin as a PCD"),
        ("cloud.ply", ply(count=MAX_POINTS + 1), "at most"),
        ("cloud.ply", ply(count="9" * 40), "at most"),
    ],
)
def test_a_wrong_file_is_refused_before_open3d_sees_it(tmp_path, name, content, words):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidInput, match=words):
        read_cloud(path)


@with_open3d
def test_a_cloud_that_cannot_be_written_says_why(tmp_path):
    with pytest.raises(InvalidInput, match="expected .ply or .pcd"):
        write_cloud(tmp_path / "cloud.xyz", cloud())
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_cloud(tmp_path / "file" / "cloud.ply", cloud())


@pytest.mark.skipif(open3d is not None, reason="open3d is installed")
def test_without_open3d_the_extra_is_named(tmp_path):
    with pytest.raises(MissingPackage, match=r"\[view\]"):
        write_cloud(tmp_path / "cloud.ply", cloud())


@FORMATS
def test_what_never_ends_is_not_opened(tmp_path, suffix):
    os.mkfifo(tmp_path / f"cloud{suffix}")
    with pytest.raises(InvalidInput, match="device or pipe"):
        read_cloud(tmp_path / f"cloud{suffix}")


def test_a_reader_that_gives_up_is_told_in_a_sentence(tmp_path, monkeypatch):
    def give_up(_):
        raise RuntimeError("\x1b[1;31m[Open3D Error] CPU malloc failed\n")

    @contextmanager
    def quietly(_):
        yield StringIO()

    path = tmp_path / "cloud.pcd"
    path.write_text(PCD)
    monkeypatch.setattr(cloud_files, "quiet", quietly)
    reading = SimpleNamespace(read_point_cloud=give_up)
    monkeypatch.setattr(
        cloud_files, "require", lambda *_: SimpleNamespace(t=SimpleNamespace(io=reading))
    )
    with pytest.raises(InvalidInput, match="cannot be read; its header claims sizes"):
        read_cloud(path)
