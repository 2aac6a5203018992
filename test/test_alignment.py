"""Depth of its own camera as the colour camera beside it sees it."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import deproject, invert, pose, transform_points
from affordance_grasp.streams.alignment import DepthCamera, align

COLOR = CameraIntrinsics(150.0, 152.0, 79.0, 61.0, 160, 120)
DEPTH = CameraIntrinsics(105.0, 106.0, 106.0, 59.0, 212, 120)
TILTED = pose(Rotation.from_euler("xyz", [2, -3, 4], degrees=True).as_matrix(), [0.05, 0.01, 0.02])


def plane_depth(camera, normal, distance_m):
    """Depth (H, W) [m] of the plane ``normal . p = distance``."""
    rays = deproject(np.ones((camera.height, camera.width)), camera.K)
    return (distance_m / (rays @ normal)).astype(np.float32)


def test_one_camera_sees_what_it_measured():
    depth_m = plane_depth(COLOR, [0.1, 0.2, 1.0], 0.6)
    depth_m[:, :9] = 0
    aligned = align(depth_m, DepthCamera(COLOR, np.eye(4), 0.001), COLOR)
    np.testing.assert_allclose(aligned, depth_m, rtol=1e-6)


def test_a_plane_stays_where_it_is():
    """The same plane in both frames: n . (R p + t) = d."""
    normal, distance_m = np.array([0.1, -0.15, 1.0]), 0.6
    in_depth = normal @ TILTED[:3, :3], distance_m - normal @ TILTED[:3, 3]
    camera = DepthCamera(DEPTH, TILTED, 0.001)
    aligned = align(plane_depth(DEPTH, *in_depth), camera, COLOR)
    expected = plane_depth(COLOR, normal, distance_m)
    assert (aligned > 0).mean() > 0.9
    seen = aligned > 0
    assert np.abs(aligned - expected)[seen].max() < 0.003, "a pixel of depth, on a slope"
    assert abs(np.mean((aligned - expected)[seen])) < 2e-4
    wrong = align(plane_depth(DEPTH, *in_depth), DepthCamera(DEPTH, invert(TILTED), 0.001), COLOR)
    assert np.abs(wrong - expected)[wrong > 0].mean() > 0.02


def test_an_edge_is_where_the_colour_camera_sees_it():
    """Something near before a wall: 15 mm beside, it hides another part of the wall."""
    depth_m = np.full((120, 212), 1.0, np.float32)
    depth_m[40:80, 80:120] = 0.4
    camera = DepthCamera(DEPTH, pose(translation_m=[0.05, 0, 0]), 0.001)
    aligned = align(depth_m, camera, COLOR)
    rows = aligned[60]
    near = np.flatnonzero(np.isclose(rows, 0.4))
    left_m, right_m = ((u - DEPTH.cx) / DEPTH.fx * 0.4 + 0.05 for u in (79.5, 119.5))
    expected = [COLOR.fx * x / 0.4 + COLOR.cx for x in (left_m, right_m)]
    assert [near[0] - 0.5, near[-1] + 0.5] == pytest.approx(expected, abs=1)
    hidden = np.flatnonzero(rows == 0)
    assert hidden.size and hidden.max() < near[0], "behind it, nothing was measured"


def test_no_reading_covers_nothing_and_what_is_behind_is_not_seen():
    camera = DepthCamera(DEPTH, pose(translation_m=[0, 0, -0.5]), 0.001)
    depth_m = np.zeros((120, 212), np.float32)
    assert not align(depth_m, camera, COLOR).any()
    depth_m[:] = 0.5
    assert not align(depth_m, camera, COLOR).any()
    depth_m[60, 106] = 0.501
    assert np.count_nonzero(align(depth_m, camera, COLOR)) <= 64, "a mm before the lens"


def test_points_land_where_they_are_projected():
    rng = np.random.default_rng(0)
    depth_m = np.where(rng.random((120, 212)) < 0.02, rng.uniform(0.4, 1, (120, 212)), 0)
    aligned = align(depth_m.astype(np.float32), DepthCamera(DEPTH, TILTED, 0.001), COLOR)
    points = transform_points(TILTED, deproject(depth_m, DEPTH.K)[depth_m > 0])
    uv = points @ COLOR.K.T
    uv = np.rint(uv[:, :2] / uv[:, 2:]).astype(int)
    inside = ((uv >= 0) & (uv < (160, 120))).all(axis=1)
    assert inside.sum() > 100
    seen = aligned[uv[inside, 1], uv[inside, 0]]
    assert (seen > 0).all() and (seen <= points[inside, 2] + 1e-5).all()
    assert np.isclose(seen, points[inside, 2], atol=1e-5).mean() > 0.9


def test_what_does_not_fit_is_refused():
    with pytest.raises(InvalidInput, match="depth units are 1 m"):
        DepthCamera(DEPTH, np.eye(4), 1.0)
    with pytest.raises(InvalidInput, match="160x120 and its camera's 212x120"):
        align(np.zeros((120, 160), np.float32), DepthCamera(DEPTH, np.eye(4), 0.001), COLOR)
