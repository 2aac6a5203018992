"""A RealSense stream's factory intrinsics as a pinhole and a standard distortion model.

The vendor's SDK has its own distortion models; some share a name with OpenCV's but not the
formula. Therefore the closest plumb bob is fitted to the SDK's own projection, which ``rs.align``
uses to align depth to colour.
"""

from typing import Any

import numpy as np

from affordance_grasp.camera.sdk import realsense
from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.distortion import PINHOLE, Distortion
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats

MAX_RESIDUAL_PX = 0.5
GRID = (17, 13)
FISHEYE_COEFFICIENTS = 4
STANDARD_MODELS = {
    "Brown Conrady": "plumb_bob",
    "Modified Brown Conrady": "plumb_bob",
    "Inverse Brown Conrady": "plumb_bob",
    "Kannala Brandt4": "equidistant",
}
"""The SDK's words. It projects all three Brown-Conrady models forwards; they differ in where the
tangential part is added, by hundredths of a pixel for its cameras' lenses."""


def intrinsics_of(stream: Any) -> CameraIntrinsics:
    """Focal lengths, principal point and size of ``rs.intrinsics``."""
    return CameraIntrinsics(
        fx=float(stream.fx),
        fy=float(stream.fy),
        cx=float(stream.ppx),
        cy=float(stream.ppy),
        width=int(stream.width),
        height=int(stream.height),
    )


def distortion_of(stream: Any) -> Distortion:
    """The distortion of ``rs.intrinsics`` as a model of ``sensor_msgs/CameraInfo``."""
    rs = realsense()
    if stream.model == rs.distortion.none or not any(stream.coeffs):
        return PINHOLE
    if stream.model == rs.distortion.kannala_brandt4:
        return Distortion("equidistant", tuple(stream.coeffs[:FISHEYE_COEFFICIENTS]))
    ideal = _ray_grid(stream)
    seen = np.array([rs.rs2_project_point_to_pixel(stream, [x, y, 1.0]) for x, y in ideal])
    bent = (seen - [stream.ppx, stream.ppy]) / [stream.fx, stream.fy]
    lens, residual = _fit_plumb_bob(ideal, bent)
    residual_px = residual * max(stream.fx, stream.fy)
    if not residual_px <= MAX_RESIDUAL_PX:
        raise InvalidInput(
            f"the camera's lens model {stream.model} with coefficients {list(stream.coeffs)} is "
            f"{residual_px:.1f} px from every plumb bob; use the vendor's ROS driver"
        )
    return lens


def lens_named(model: str, coefficients: tuple[float, ...]) -> Distortion:
    """The distortion of a recording, which names the lens by the SDK's words."""
    standard = STANDARD_MODELS.get(model, model)
    count = FISHEYE_COEFFICIENTS if standard == "equidistant" else None
    return Distortion(standard, coefficients[:count])


def _ray_grid(stream: Any) -> Floats:
    """Directions (N, 2) of a grid of pixels, as a pinhole would see them."""
    u, v = np.meshgrid(
        np.linspace(0, stream.width, GRID[0]), np.linspace(0, stream.height, GRID[1])
    )
    pixels = np.column_stack([u.ravel(), v.ravel()])
    return np.asarray((pixels - [stream.ppx, stream.ppy]) / [stream.fx, stream.fy])


def _fit_plumb_bob(ideal: Floats, bent: Floats) -> tuple[Distortion, float]:
    """Least squares for k1, k2, p1, p2, k3, in which the model is linear; the worst residual."""
    x, y = ideal.T
    r2 = x * x + y * y
    columns_x = [x * r2, x * r2**2, 2 * x * y, r2 + 2 * x * x, x * r2**3]
    columns_y = [y * r2, y * r2**2, r2 + 2 * y * y, 2 * x * y, y * r2**3]
    system = np.vstack([np.column_stack(columns_x), np.column_stack(columns_y)])
    offset = (bent - ideal).T.ravel()
    coefficients = np.linalg.lstsq(system, offset, rcond=None)[0]
    residual = float(np.abs(system @ coefficients - offset).max())
    return Distortion("plumb_bob", tuple(float(value) for value in coefficients)), residual
