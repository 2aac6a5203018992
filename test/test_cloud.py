import numpy as np
import pytest
from tabletop import Block, Can, looking_down, tabletop, to_world

from affordance_grasp.errors import NoObject
from affordance_grasp.scene.cloud import normals, segment_scene, thin


def test_cloud_covers_the_visible_faces_and_nothing_else():
    points = to_world(segment_scene(tabletop(Block(0, 0, (0.1, 0.06, 0.04)))).cloud.points_cam)
    assert np.abs(points[:, 0]).max() == pytest.approx(0.05, abs=0.003)
    assert np.abs(points[:, 1]).max() == pytest.approx(0.03, abs=0.004)
    assert points[:, 2].max() == pytest.approx(0.04, abs=0.003)
    assert points[:, 2].min() > 0


def test_normals_of_the_top_face_point_up():
    cloud = segment_scene(tabletop(Block(0, 0, (0.1, 0.06, 0.04)))).cloud
    top = to_world(cloud.points_cam)[:, 2] > 0.037
    inner = top & (np.abs(to_world(cloud.points_cam)[:, :2]).max(axis=1) < 0.02)
    upwards = (cloud.normals_cam @ looking_down()[:3, :3].T)[inner, 2]
    assert inner.sum() > 50
    assert np.median(upwards) > 0.98


@pytest.mark.parametrize("thickness", [0.003, 0.004])
def test_a_thin_strip_is_kept_whole(thickness):
    frame = tabletop(Block(0, 0, (0.18, 0.012, thickness), yaw_deg=30))
    points = to_world(segment_scene(frame).cloud.points_cam)
    along = points[:, 0] * np.cos(np.pi / 6) + points[:, 1] * np.sin(np.pi / 6)
    assert np.ptp(along) == pytest.approx(0.18, abs=0.006)


def test_two_things_get_two_labels_largest_first():
    scene = segment_scene(tabletop(Can(-0.08, 0, 0.02, 0.05), Block(0.08, 0, (0.08, 0.08, 0.05))))
    assert set(np.unique(scene.cloud.labels)) == {0, 1, 2}
    x = to_world(scene.cloud.points_cam)[:, 0]
    assert (x[scene.cloud.instance == 1] > 0).all()
    assert (x[scene.cloud.instance == 2] < 0).all()


def test_hidden_solid_is_inside_the_object():
    scene = segment_scene(tabletop(Block(0, 0, (0.1, 0.08, 0.06))))
    solid = to_world(scene.cloud.solid_cam)
    assert len(solid) > 50
    assert (np.abs(solid[:, 0]) < 0.053).all()
    assert (np.abs(solid[:, 1]) < 0.044).all()
    assert ((solid[:, 2] > 0) & (solid[:, 2] < 0.06)).all()


def test_bare_table_holds_no_object():
    with pytest.raises(NoObject, match="above the table"):
        segment_scene(tabletop())


def test_thinning_averages_cells():
    points = np.array([[0.0001, 0, 0], [0.0003, 0, 0], [0.011, 0, 0]])
    thinned, label = thin(points, np.array([1, 1, 2], np.int32), 0.01)
    assert np.allclose(thinned, [[0.0002, 0, 0], [0.011, 0, 0]])
    assert label.tolist() == [1, 2]


def test_normals_face_the_camera():
    x, y = np.meshgrid(np.arange(20) * 0.002, np.arange(20) * 0.002)
    sheet = np.stack([x, y, 0.5 + 0.5 * x], -1).reshape(-1, 3)
    expected = np.array([0.5, 0, -1]) / np.sqrt(1.25)
    assert np.allclose(normals(sheet, 0.002), expected, atol=1e-6)
