import numpy as np
import pytest
from tabletop import INTRINSICS, Block, tabletop

from affordance_grasp.candidates.generators import make_generator
from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import InvalidInput
from affordance_grasp.scene.point_cloud import (
    FINEST_FOCAL_PX,
    PointCloud,
    cloud_frame,
    frame_cloud,
    virtual_pinhole,
)

SMALL = CameraIntrinsics(100.0, 100.0, 2.0, 1.0, 5, 3)


@pytest.fixture(scope="module")
def frame():
    seen = tabletop(Block(0, 0, (0.2, 0.025, 0.02), yaw_deg=20))
    seen.color[...] = np.random.default_rng(0).integers(0, 255, seen.color.shape)
    seen.depth_m[:40, :60] = 0
    return seen


def gray(points):
    return PointCloud(np.asarray(points, np.float32), np.full((len(points), 3), 9, np.uint8))


def test_points_are_where_the_pinhole_equation_puts_them():
    cloud = gray([[0.02, 0.01, 1.0], [-0.04, 0.0, 2.0]])
    seen = cloud_frame(cloud, SMALL)
    expected = np.zeros((3, 5))
    expected[2, 4], expected[1, 0] = 1.0, 2.0
    np.testing.assert_array_equal(seen.depth_m, expected)
    assert (seen.color[2, 4] == 9).all()


def test_the_nearest_point_of_a_pixel_is_seen_whatever_the_order():
    near, far = [0, 0, 1.0], [0, 0, 3.0]
    for points in ([near, far], [far, near], [far, near, far]):
        cloud = PointCloud(np.float32(points), np.uint8(points) * 50)
        seen = cloud_frame(cloud, SMALL)
        assert seen.depth_m[1, 2] == 1.0
        assert seen.color[1, 2, 2] == 50


def test_what_no_camera_sees_is_left_out():
    nan, inf = float("nan"), float("inf")
    cloud = gray([[0, 0, 1], [nan, 0, 1], [0, inf, 1], [0, 0, -1], [0, 0, 0], [9e30, 0, 1e-30]])
    assert len(cloud.points_cam) == 2
    assert (cloud_frame(cloud, SMALL).depth_m > 0).sum() == 1


def test_a_frame_survives_its_own_pinhole(frame):
    seen = cloud_frame(frame_cloud(frame), frame.intrinsics)
    np.testing.assert_array_equal(seen.depth_m, frame.depth_m)
    read = frame.depth_m > 0
    np.testing.assert_array_equal(seen.color[read], frame.color[read])


def test_a_virtual_pinhole_is_as_fine_as_the_frame_was_and_closed(frame):
    camera = virtual_pinhole(frame_cloud(frame))
    assert camera.fx == pytest.approx(INTRINSICS.fx, rel=0.08)
    assert camera.width == pytest.approx(INTRINSICS.width * camera.fx / INTRINSICS.fx, abs=2)
    assert (cloud_frame(frame_cloud(frame), camera).depth_m > 0).mean() > 0.98


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_grasps_of_a_virtual_pinhole_are_those_of_the_frame(frame, share):
    cloud, generator = frame_cloud(frame), make_generator("antipodal")
    kept = np.random.default_rng(1).random(len(cloud.points_cam)) < share
    cloud = PointCloud(cloud.points_cam[kept], cloud.color[kept])
    found = generator.generate(cloud_frame(cloud, virtual_pinhole(cloud)))
    truth = generator.generate(frame)
    good = truth.T_cam_tcp[truth.quality > 0.6, :3, 3]
    best = found.T_cam_tcp[np.argsort(-found.quality)[:10], :3, 3]
    apart_m = np.linalg.norm(best[:, None] - good[None], axis=2).min(axis=1)
    assert apart_m.max() < 0.006
    assert np.median(found.width_m) == pytest.approx(np.median(truth.width_m), abs=0.003)


def test_a_dense_cloud_gets_no_finer_than_the_limit():
    u, v = np.meshgrid(np.arange(-0.1, 0.1, 4e-4), np.arange(-0.1, 0.1, 4e-4))
    cloud = gray(np.stack([u, v, np.ones_like(u)], -1).reshape(-1, 3))
    assert virtual_pinhole(cloud).fx == FINEST_FOCAL_PX


@pytest.mark.parametrize("points", [np.empty((0, 3)), [[0, 0, -1.0]], [[5.0, 0, 1.0]]])
def test_a_cloud_out_of_view_is_refused(points):
    with pytest.raises(InvalidInput, match="optical frame"):
        virtual_pinhole(gray(points))


def test_shapes_that_disagree_are_refused():
    with pytest.raises(InvalidInput, match="must be"):
        PointCloud(np.zeros((3, 3), np.float32), np.zeros((2, 3), np.uint8))
