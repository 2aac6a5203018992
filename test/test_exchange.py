"""Files that other programs leave: a GraspGroup's columns, JSON, and anything else."""

import json

import cv2
import numpy as np
import pytest
from grasp_answers import GRIPPER, scene

from affordance_grasp.candidates.external.exchange import camera_content, read_grasps, write_frame
from affordance_grasp.candidates.target import Target
from affordance_grasp.datatypes import Region
from affordance_grasp.errors import ExternalFault
from affordance_grasp.external import folder_program
from affordance_grasp.geometry import pose

QUARTER_TURN = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]


def grasp_group(*rows):
    """Rows as graspnetAPI saves them: score, width, height, depth, R (9), t (3), object."""
    return np.array(rows, float).reshape(-1, 17)


ROW = [0.7, 0.06, 0.02, 0.03, 0, -1, 0, 1, 0, 0, 0, 0, 1, 0.1, 0.2, 0.3, -1]


def test_a_frame_is_written_whole(tmp_path):
    frame, understood, _ = scene()
    target = Target("hold", Region(1, 2, 3, 4), 1, pose(np.diag([1.0, -1.0, -1.0])))
    told = camera_content(frame.intrinsics, understood.table, GRIPPER, 7, target)
    write_frame(tmp_path, frame, understood, told)
    assert {path.name for path in tmp_path.iterdir()} == {
        "color.png",
        "depth.npy",
        "labels.npy",
        "target.png",
        "scene.ply",
        "points.npy",
        "thing.npy",
        "camera.json",
    }
    np.testing.assert_array_equal(np.load(tmp_path / "depth.npy"), frame.depth_m)
    color = cv2.cvtColor(cv2.imread(str(tmp_path / "color.png")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(color, frame.color)
    camera = json.loads((tmp_path / "camera.json").read_text())
    assert camera["fx"] == frame.intrinsics.fx
    assert (camera["max_width_m"], camera["seed"]) == (GRIPPER.max_width_m, 7)
    assert (camera["gripper"], camera["query"], camera["target"]) == (GRIPPER.name, "hold", 1)
    assert camera["region"] == [1, 2, 3, 4]
    assert camera["gravity"] == [0, 0, 1], "along the view of a camera that looks down"
    assert camera["T_base_cam"] == target.T_base_cam.tolist()
    heights = np.load(tmp_path / "points.npy") @ camera["table"]["normal"]
    assert (heights + camera["table"]["offset_m"]).max() == pytest.approx(0.05, abs=0.005)
    labels = np.load(tmp_path / "labels.npy")
    np.testing.assert_array_equal(labels, understood.cloud.labels)
    mask = cv2.imread(str(tmp_path / "target.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mask, np.where(labels == 1, 255, 0))
    assert (tmp_path / "scene.ply").read_bytes().startswith(b"ply\n")
    assert len(np.load(tmp_path / "points.npy")) == len(np.load(tmp_path / "thing.npy"))


def test_the_seventeen_columns_of_a_grasp_group(tmp_path):
    np.save(tmp_path / "grasps.npy", grasp_group(ROW, ROW))
    grasps, convention = read_grasps(tmp_path, "test")
    assert convention == "graspnet"
    assert len(grasps) == 2
    np.testing.assert_allclose(grasps.T_cam_external[0, :3, :3], QUARTER_TURN, atol=1e-12)
    np.testing.assert_allclose(grasps.T_cam_external[0, :3, 3], [0.1, 0.2, 0.3])
    assert (grasps.score[0], grasps.width_m[0], grasps.depth_m[0]) == (0.7, 0.06, 0.03)


def test_json_with_a_quaternion_or_a_matrix(tmp_path):
    half = float(np.sqrt(0.5))
    position = [0.1, 0.2, 0.3]
    content = {
        "convention": "gpd",
        "T_cam_source": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0.5], [0, 0, 0, 1]],
        "grasps": [
            {"position": position, "quaternion_xyzw": [0, 0, half, half], "score": 0.4},
            {"position": position, "rotation": QUARTER_TURN, "width_m": 0.02, "opening_m": 0.05},
        ],
    }
    (tmp_path / "grasps.json").write_text(json.dumps(content))
    grasps, convention = read_grasps(tmp_path, "test")
    assert convention == "gpd"
    for T in grasps.T_cam_external:
        np.testing.assert_allclose(T[:3, :3], QUARTER_TURN, atol=1e-12)
        np.testing.assert_allclose(T[:3, 3], [0.1, 0.2, 0.8])
    np.testing.assert_array_equal(grasps.score, [0.4, np.nan])
    np.testing.assert_array_equal(grasps.width_m, [np.nan, 0.02])
    np.testing.assert_array_equal(grasps.opening_m, [np.nan, 0.05])
    assert np.isnan(grasps.depth_m).all()


@pytest.mark.parametrize("name", ["grasps.json", "grasps.npy"])
def test_no_grasps_are_no_grasps(tmp_path, name):
    (tmp_path / "grasps.json").write_text('{"grasps": []}')
    if name == "grasps.npy":
        np.save(tmp_path / name, grasp_group())
    assert len(read_grasps(tmp_path, "test")[0]) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not readable JSON"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin1"), "not readable JSON"),
        ("[" * 100_000, "not readable JSON"),
        ("[]", "must hold"),
        ('{"grasps": {}}', "must hold"),
        ('{"grasps": [1]}', "grasp 0 needs position"),
        ('{"grasps": [{}]}', "grasp 0 needs position"),
        ('{"grasps": [{"position": [0, 0, 1]}]}', "grasp 0 needs position"),
        ('{"grasps": [{"position": [0, 0], "quaternion_xyzw": [0, 0, 0, 1]}]}', "grasp 0"),
        ('{"grasps": [{"position": [0, 0, 1], "quaternion_xyzw": [0, 0, 0, 2]}]}', "length 1"),
        ('{"grasps": [{"position": [0, 0, 1], "quaternion_xyzw": [0, 0, 1]}]}', "grasp 0"),
        ('{"grasps": [{"position": [0, 0, NaN], "quaternion_xyzw": [0, 0, 0, 1]}]}', "NaN"),
        ('{"grasps": [{"position": "here", "quaternion_xyzw": [0, 0, 0, 1]}]}', "grasp 0"),
        ('{"grasps": [], "T_cam_source": [1]}', "T_cam_source"),
        ('{"grasps": [], "T_cam_source": [[true]]}', "T_cam_source"),
        ('{"grasps": [{"position": [0, 0, true], "quaternion_xyzw": [0, 0, 0, 1]}]}', "bool"),
        ('{"grasps": [{"position": [0, 0, 1], "rotation": [[[1]]]}]}', "grasp 0"),
        ('{"grasps": [], "grasps": []}', "'grasps' stands twice"),
    ],
)
def test_json_that_holds_no_grasps_is_refused(tmp_path, text, words):
    (tmp_path / "grasps.json").write_text(text)
    with pytest.raises(ExternalFault, match=words):
        read_grasps(tmp_path, "test")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (np.zeros((2, 16)), r"\(2, 16\), expected \(N, 17\)"),
        (np.zeros(17), "expected"),
        (np.array([["x"] * 17]), "no numbers"),
        (grasp_group([*ROW[:13], 0, 0, np.nan, 0]), "NaN"),
        (grasp_group([*ROW[:4], *[0.0] * 9, *ROW[13:]]), "not orthonormal"),
        (grasp_group([0.7, 60.0, *ROW[2:]]), "in metres"),
    ],
)
def test_an_array_that_holds_no_grasps_is_refused(tmp_path, content, words):
    np.save(tmp_path / "grasps.npy", content)
    with pytest.raises(ExternalFault, match=words):
        read_grasps(tmp_path, "test")


def test_pickles_archives_and_oversized_files_are_not_opened(tmp_path, monkeypatch):
    np.save(tmp_path / "grasps.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(ExternalFault, match="no numbers but object"):
        read_grasps(tmp_path, "test")
    with (tmp_path / "grasps.npy").open("wb") as file:
        np.savez(file, grasps=grasp_group(ROW))
    with pytest.raises(ExternalFault, match="not a numpy array"):
        read_grasps(tmp_path, "test")
    monkeypatch.setattr(folder_program, "MAX_FILE_BYTES", 10)
    with pytest.raises(ExternalFault, match="at most 10 bytes are read"):
        read_grasps(tmp_path, "test")


def test_a_folder_without_grasps_is_told(tmp_path):
    with pytest.raises(ExternalFault, match="neither grasps.npy nor grasps.json"):
        read_grasps(tmp_path, "test")


def test_an_entry_without_a_pose_is_left_out_and_counted(tmp_path):
    good = {"position": [0, 0, 1], "quaternion_xyzw": [0, 0, 0, 1], "score": 0.7}
    (tmp_path / "grasps.json").write_text(json.dumps({"grasps": [{"position": [0]}, good]}))
    grasps, _ = read_grasps(tmp_path, "test")
    np.testing.assert_array_equal(grasps.score, [0.7])
    assert grasps.left_out == {"without position and rotation": 1}


def npy_bytes(header, body=b""):
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 17), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 17), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True, 17), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1.0, 17), }",
        "{'descr': ('<f8', (1000000,)), 'fortran_order': False, 'shape': (1, 17), }",
        "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1, 17), }",
        "{'descr': 7, 'fortran_order': 'no', 'shape': 17}",
        "(" * 9000,
        '","',
        "",
        "{" + "'a': 0, " * 900 + "}",
        "__import__('os').abort()",
    ],
)
def test_a_header_that_lies_is_one_sentence(tmp_path, header):
    (tmp_path / "grasps.npy").write_bytes(npy_bytes(header, bytes(17 * 8)))
    with pytest.raises(ExternalFault, match="test: grasps.npy") as fault:
        read_grasps(tmp_path, "test")
    assert "\n" not in str(fault.value)


def test_columns_in_the_other_order_are_the_same_grasps(tmp_path):
    np.save(tmp_path / "grasps.npy", np.asfortranarray(grasp_group(ROW, [0.2, *ROW[1:]])))
    np.testing.assert_array_equal(read_grasps(tmp_path, "test")[0].score, [0.7, 0.2])
