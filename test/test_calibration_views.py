import json

import numpy as np
import pytest
from calibration_views import ROBOT, flange
from tabletop import tabletop

from affordance_grasp.calibration import views as module
from affordance_grasp.calibration.views import read_views, write_view
from affordance_grasp.errors import InvalidInput


@pytest.fixture
def folder(tmp_path):
    q = dict(zip(ROBOT.arm.joint_names, ROBOT.home_q.tolist(), strict=True))
    write_view(tmp_path / "view_000", tabletop(), q)
    return tmp_path


def change(folder, **changes):
    path = folder / "view_000" / "view.json"
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def pendant(position):
    """A pose in place of joint angles."""
    T = np.eye(4)
    T[:3, 3] = position
    return {"joint_positions_rad": None, "T_base_tool0": T.tolist()}


def test_a_view_survives_the_round_trip(folder):
    (view,) = read_views(folder, ROBOT.arm)
    before = tabletop()
    assert view.name == "view_000"
    np.testing.assert_array_equal(view.frame.color, before.color)
    np.testing.assert_allclose(view.frame.depth_m, before.depth_m, atol=0.00051)
    assert view.frame.intrinsics == before.intrinsics
    np.testing.assert_allclose(view.T_base_tool0, flange(np.zeros(6)), atol=1e-9)


def test_the_pendant_s_pose_may_take_the_place_of_joint_angles(folder):
    T = flange(np.zeros(6))
    change(folder, joint_positions_rad=None, T_base_tool0=T.tolist())
    np.testing.assert_allclose(read_views(folder, ROBOT.arm)[0].T_base_tool0, T)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fx": None}, "view_000/view.json lacks or garbles 'fx'"),
        ({"fx": "wide"}, "lacks or garbles"),
        ({"fx": 0.0}, "must be > 0"),
        ({"joint_positions_rad": {"elbow": 1.0}}, "garbles 'shoulder_joint'"),
        ({"joint_positions_rad": None}, "'T_base_tool0'"),
        ({"joint_positions_rad": None, "T_base_tool0": [1, 2]}, "lacks or garbles"),
        (
            {"joint_positions_rad": None, "T_base_tool0": np.ones((4, 4)).tolist()},
            "not orthonormal",
        ),
        (pendant([400.0, 0, 300.0]), r"position is \[400.0, 0.0, 300.0\]; expected metres"),
        (pendant([0.4, np.nan, 0.3]), "holds NaN or infinity"),
        (pendant([0.4, 0, np.inf]), "holds NaN or infinity"),
    ],
)
def test_a_view_that_is_not_complete_is_named(folder, changes, words):
    change(folder, **changes)
    with pytest.raises(InvalidInput, match=words):
        read_views(folder, ROBOT.arm)


def test_images_that_are_missing_are_named(folder):
    (folder / "view_000" / "depth.png").unlink()
    with pytest.raises(InvalidInput, match="view_000/depth.png cannot be read"):
        read_views(folder, ROBOT.arm)


def test_no_views_and_too_many_are_refused(folder, tmp_path_factory, monkeypatch):
    with pytest.raises(InvalidInput, match="holds no views"):
        read_views(tmp_path_factory.mktemp("empty"), ROBOT.arm)
    monkeypatch.setattr(module, "MAX_VIEWS", 0)
    with pytest.raises(InvalidInput, match="at most 0"):
        read_views(folder, ROBOT.arm)
