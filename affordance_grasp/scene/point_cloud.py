"""Coloured point clouds in the optical frame: from a frame, and as a pinhole camera sees them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import CameraIntrinsics, RgbdFrame
from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import deproject

GRAY = 128
WIDEST = 1.0
"""Tangent of the angle to either side up to which a virtual pinhole looks: 45 degrees."""
FINEST_FOCAL_PX, COARSEST_FOCAL_PX, COARSER = 1000.0, 50.0, 0.93
BLOCK_PX, ENOUGH = 8, 0.95


@dataclass(frozen=True)
class PointCloud:
    """Points (N, 3) float32 [m] in the optical frame and their colours (N, 3) uint8 rgb.

    Points that are not finite or not in front of the camera are left out when it is made.
    """

    points_cam: NDArray[np.float32]
    color: NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Refuse other shapes, and keep what a camera can see."""
        points, color = np.asarray(self.points_cam, np.float32), np.asarray(self.color, np.uint8)
        if points.ndim != 2 or points.shape[1] != 3 or color.shape != points.shape:
            raise InvalidInput(
                f"point cloud: points are {points.shape} and colours {color.shape}; "
                "both must be (N, 3)"
            )
        ahead = np.isfinite(points).all(axis=1) & (points[:, 2] > 0)
        object.__setattr__(self, "points_cam", points[ahead])
        object.__setattr__(self, "color", color[ahead])


def frame_cloud(frame: RgbdFrame) -> PointCloud:
    """One point for every reading of a frame, row by row."""
    points = deproject(frame.depth_m, frame.intrinsics.K)
    read = frame.depth_m > 0
    return PointCloud(points[read].astype(np.float32), frame.color[read])


def cloud_frame(cloud: PointCloud, intrinsics: CameraIntrinsics) -> RgbdFrame:
    """What a pinhole camera at the cloud's origin sees: the nearest point of every pixel."""
    x, y, z = cloud.points_cam.T
    with np.errstate(over="ignore", invalid="ignore"):
        u = np.rint(x / z * intrinsics.fx + intrinsics.cx)
        v = np.rint(y / z * intrinsics.fy + intrinsics.cy)
        seen = (u >= 0) & (u < intrinsics.width) & (v >= 0) & (v < intrinsics.height)
    pixel = v[seen].astype(np.int64) * intrinsics.width + u[seen].astype(np.int64)
    far_to_near = np.argsort(-z[seen], kind="stable")  # of one pixel's points the last one stays
    pixel = pixel[far_to_near]
    depth_m = np.zeros((intrinsics.height, intrinsics.width), np.float32)
    color = np.full((intrinsics.height, intrinsics.width, 3), GRAY, np.uint8)
    depth_m.ravel()[pixel] = z[seen][far_to_near]
    color.reshape(-1, 3)[pixel] = cloud.color[seen][far_to_near]
    return RgbdFrame(color, depth_m, intrinsics)


def virtual_pinhole(cloud: PointCloud) -> CameraIntrinsics:
    """The finest pinhole in whose image the cloud still closes, and that holds all of it.

    The focal length is at most ``FINEST_FOCAL_PX``, and as short as makes every pixel of at least
    half the image's blocks that show something ``ENOUGH`` full. Points further than ``WIDEST`` to
    the side are left out.

    Raises:
        InvalidInput: nothing of the cloud is in front of the camera.
    """
    with np.errstate(over="ignore"):
        x, y = (cloud.points_cam[:, :2] / cloud.points_cam[:, 2:]).T.astype(np.float64)
    ahead = (np.abs(x) <= WIDEST) & (np.abs(y) <= WIDEST)
    if not ahead.any():
        raise InvalidInput(
            f"point cloud: {len(x)} finite points are ahead of the camera and none in its view; "
            "it must be in the camera's optical frame (x right, y down, z forward), in metres"
        )
    x, y = x[ahead], y[ahead]
    left, top = float(x.min()), float(y.min())
    focal = FINEST_FOCAL_PX
    while focal > COARSEST_FOCAL_PX and _fill((x - left) * focal, (y - top) * focal) < ENOUGH:
        focal *= COARSER
    width, height = (int(np.rint(np.ptp(axis) * focal)) + 1 for axis in (x, y))
    return CameraIntrinsics(focal, focal, -left * focal, -top * focal, width, height, cropped=True)


def _fill(u: NDArray[np.float64], v: NDArray[np.float64]) -> float:
    """Median share of filled pixels in the blocks of an image that show anything."""
    rows, columns = (-(-int(axis.max() + 1) // BLOCK_PX) for axis in (v, u))
    filled = np.zeros((rows * BLOCK_PX, columns * BLOCK_PX), bool)
    filled[v.astype(np.int64), u.astype(np.int64)] = True
    blocks = filled.reshape(rows, BLOCK_PX, columns, BLOCK_PX).mean(axis=(1, 3))
    return float(np.median(blocks[blocks > 0]))
