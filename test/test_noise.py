import numpy as np
import pytest

from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import InvalidInput
from affordance_grasp.simulation.rendering.noise import DepthNoise, degrade_color, degrade_depth

INTRINSICS = CameraIntrinsics(300.0, 300.0, 99.5, 74.5, 200, 150)
GREY = np.full((150, 200, 3), 128, np.uint8)
NO_HOLES = DepthNoise(hole_density=0.0)


def plane(depth_m):
    return np.full((150, 200), depth_m, np.float32)


def degrade(depth, color=GREY, seed=0, noise=NO_HOLES):
    return degrade_depth(depth, color, INTRINSICS, np.random.default_rng(seed), noise)


def test_error_grows_with_the_square_of_the_depth():
    near, far = degrade(plane(0.5)), degrade(plane(1.5))
    ratio = (far - 1.5).std() / (near - 0.5).std()
    assert 6.0 < ratio < 12.0
    expected = 0.5**2 * 0.08 / (425 * 0.05)
    assert (near - 0.5).std() == pytest.approx(expected, rel=0.35)
    assert abs((near - 0.5).mean()) < 2e-4


def test_error_is_correlated_between_neighbours():
    error = degrade(plane(1.0)) - 1.0
    neighbours = np.corrcoef(error[:, :-1].ravel(), error[:, 1:].ravel())[0, 1]
    apart = np.corrcoef(error[:, :-20].ravel(), error[:, 20:].ravel())[0, 1]
    assert neighbours > 0.6
    assert abs(apart) < 0.1


def test_readings_are_whole_millimetres():
    depth = degrade(plane(0.8)).astype(float) * 1000
    assert np.abs(depth - np.rint(depth)).max() < 1e-3


def test_nothing_is_read_below_the_minimum_or_where_nothing_is():
    assert (degrade(plane(0.15)) == 0).all()
    assert (degrade(plane(0.0)) == 0).all()
    assert (degrade(plane(9.0)) == 0).all()
    assert (degrade(plane(0.3)) > 0).all()


def test_a_near_surface_hides_a_strip_of_the_far_one_to_its_left():
    depth = plane(0.6)
    depth[:, 120:] = 0.3
    lost = degrade(depth) == 0
    strip = 300 * 0.05 * (1 / 0.3 - 1 / 0.6)
    assert strip == pytest.approx(25.0)
    assert lost[:, 97:118].mean() > 0.95
    assert lost[:, :90].mean() == 0
    assert lost[:, 125:].mean() == 0


def test_grazing_surfaces_lose_readings_and_frontal_ones_do_not():
    v = np.arange(150)[:, None] - 74.5
    slope = np.tan(np.deg2rad(86.0))  # a wall that runs away from the camera
    wall = 1.0 / (1.0 - slope * v / 300.0)
    depth = np.where((wall > 0.4) & (wall < 3), wall, 0).astype(np.float32)
    depth = np.broadcast_to(depth, (150, 200)).copy()
    seen = depth > 0
    assert (degrade(depth)[seen] == 0).mean() > 0.3
    assert (degrade(plane(1.0)) == 0).mean() == 0


def test_black_surfaces_lose_readings():
    black = np.zeros((150, 200, 3), np.uint8)
    share = (degrade(plane(0.5), black) == 0).mean()
    assert share == pytest.approx(NO_HOLES.dark_loss, abs=0.08)


def test_same_seed_same_image():
    first, again, other = (degrade(plane(0.7), seed=seed) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


def test_color_noise_keeps_type_range_and_mean():
    noisy = degrade_color(GREY, np.random.default_rng(0), sigma=3.0)
    assert noisy.dtype == np.uint8
    assert noisy.astype(float).std() == pytest.approx(3.0, rel=0.1)
    assert noisy.astype(float).mean() == pytest.approx(128, abs=0.1)


def test_shares_must_be_shares():
    with pytest.raises(InvalidInput, match="edge_loss"):
        DepthNoise(edge_loss=1.5)
    with pytest.raises(InvalidInput, match="baseline_m"):
        DepthNoise(baseline_m=0.0)
