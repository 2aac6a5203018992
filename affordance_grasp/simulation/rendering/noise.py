"""Noise model of a stereo depth camera such as the RealSense D435.

Depth comes from disparity d = f B / z, so an error of s pixels of disparity is an error of
z^2 s / (f B) in depth; it is correlated over the matching window. Disparity comes in fractions of
a pixel and depth in whole millimetres. There is no reading closer than the sensor's minimum, on
surfaces seen at a grazing angle, beside depth edges (the second imager does not see what the
first does), and on dark surfaces that return too little light. Figures: Intel RealSense D400
series data sheet and tuning white paper (sub-pixel error 0.08 px, baseline 50 mm).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

from affordance_grasp.configuration.settings import Count, Positive, Settings, Share
from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.geometry import Floats, deproject


@dataclass(frozen=True)
class DepthNoise(Settings, title="depth noise"):
    """Strength of each effect.

    ``disparity_px``: standard deviation of the disparity. ``window_px``: Gaussian radius of its
    correlation. ``disparity_steps``: fractions of a pixel. ``focal_px`` and ``baseline_m``: the
    stereo pair. ``min_depth_m``: nearest reading. ``grazing_deg``: angle between the view ray and
    the surface normal beyond which readings fade out, none at 90. ``edge_loss``: share of lost
    pixels beside a depth edge of more than ``edge_m``. ``dark_level``: brightness (0..255) below
    which light is scarce; ``dark_loss``: share lost on pure black. ``hole_density``: small random
    holes per pixel.
    """

    disparity_px: float = 0.08
    window_px: Positive = 1.6
    disparity_steps: Count = 32
    focal_px: Positive = 425.0
    baseline_m: Positive = 0.050
    unit_m: Positive = 0.001
    min_depth_m: float = 0.17
    max_depth_m: float = 6.0
    grazing_deg: float = 75.0
    edge_m: float = 0.012
    edge_loss: Share = 0.55
    dark_level: float = 26.0
    dark_loss: Share = 0.35
    hole_density: Share = 1.5e-5

    def axial_sigma_m(self, depth_m: Floats) -> Floats:
        """Standard deviation of the depth error [m] at a depth [m]."""
        return np.asarray(depth_m) ** 2 * self.disparity_px / (self.focal_px * self.baseline_m)


def degrade_depth(
    depth_m: NDArray[np.float32],
    color: NDArray[np.uint8],
    intrinsics: CameraIntrinsics,
    rng: np.random.Generator,
    noise: DepthNoise | None = None,
) -> NDArray[np.float32]:
    """Turn perfect depth (H, W) [m] into what the camera would report; 0 = no reading."""
    noise = noise or DepthNoise()
    true = np.asarray(depth_m, float)
    lost = (true < noise.min_depth_m) | (true > noise.max_depth_m)
    lost |= _beside_edges(true, noise, rng) | _hidden_from_one_imager(true, intrinsics, noise)
    lost |= _patches(_grazing_loss(true, intrinsics, noise), rng)
    lost |= _patches(_dark_loss(color, noise), rng)
    lost |= ndimage.binary_dilation(rng.random(true.shape) < noise.hole_density, iterations=2)
    error = noise.axial_sigma_m(true) * _correlated(true.shape, noise.window_px, rng)
    measured = _quantise(true + error, noise)
    return np.where(lost, 0.0, measured).astype(np.float32)


def degrade_color(
    color: NDArray[np.uint8], rng: np.random.Generator, sigma: float = 1.6
) -> NDArray[np.uint8]:
    """Add sensor noise of ``sigma`` grey levels to an image (H, W, 3)."""
    noisy = color + rng.standard_normal(color.shape, np.float32) * np.float32(sigma)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _correlated(shape: tuple[int, ...], radius_px: float, rng: np.random.Generator) -> Floats:
    """Unit-variance noise, smooth over ``radius_px``.

    White noise filtered by a Gaussian of radius r keeps the share 1 / (4 pi r^2) of its variance;
    dividing by the measured deviation also covers the discrete kernel and the image border.
    """
    field = ndimage.gaussian_filter(rng.standard_normal(shape, np.float32), radius_px)
    return np.asarray(field / max(float(field.std()), 1e-9), float)


def _quantise(depth_m: Floats, noise: DepthNoise) -> Floats:
    """Round to the disparity step first, then to the unit of the depth image."""
    product = noise.focal_px * noise.baseline_m
    disparity = product / np.maximum(depth_m, 1e-3)
    disparity = np.rint(disparity * noise.disparity_steps) / noise.disparity_steps
    depth = product / np.maximum(disparity, 1 / noise.disparity_steps)
    return np.rint(depth / noise.unit_m) * noise.unit_m


def _beside_edges(true: Floats, noise: DepthNoise, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A share of the pixels on both sides of every depth edge."""
    step = ndimage.maximum_filter(true, 3) - ndimage.minimum_filter(true, 3)
    return np.asarray((step > noise.edge_m) & (rng.random(true.shape) < noise.edge_loss))


def _hidden_from_one_imager(
    true: Floats, intrinsics: CameraIntrinsics, noise: DepthNoise
) -> NDArray[np.bool_]:
    """The strip left of a near surface that the right imager cannot see.

    A pixel u lands in the right image at u - f B / z; it is hidden when a pixel further right
    lands before it.
    """
    disparity = intrinsics.fx * noise.baseline_m / np.where(true > 0, true, np.inf)
    landing = np.arange(true.shape[1])[None, :] - disparity
    first_from_right = np.minimum.accumulate(landing[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(first_from_right < landing - 1.0)


def _grazing_loss(true: Floats, intrinsics: CameraIntrinsics, noise: DepthNoise) -> Floats:
    """Probability (H, W) of losing a pixel to a grazing view."""
    points = deproject(np.where(true > 0, true, np.nan), intrinsics.K)
    across, down = np.gradient(points, axis=1), np.gradient(points, axis=0)
    normal = np.cross(across, down)
    lengths = np.linalg.norm(normal, axis=-1) * np.linalg.norm(points, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.abs((normal * points).sum(axis=-1)) / lengths
    limit = np.cos(np.deg2rad(noise.grazing_deg))
    return np.nan_to_num(np.clip(1 - cosine / limit, 0, 1), nan=0.0)


def _dark_loss(color: NDArray[np.uint8], noise: DepthNoise) -> Floats:
    brightness = ndimage.uniform_filter(color.astype(np.float32).mean(axis=-1), 5)
    return noise.dark_loss * np.clip(1 - np.asarray(brightness, float) / noise.dark_level, 0, 1)


def _patches(probability: Floats, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Losses that come in small patches: a correlated field against each pixel's probability."""
    if not probability.any():
        return np.zeros(probability.shape, bool)
    return np.asarray(ndtr(_correlated(probability.shape, 1.5, rng)) < probability)
