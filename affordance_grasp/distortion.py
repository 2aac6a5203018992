"""Lens distortion and its removal: the rest of the package assumes undistorted images.

Models and the order of their coefficients are those of ``sensor_msgs/CameraInfo`` (which are
OpenCV's). Colour and aligned depth share one pixel grid and are resampled alike; depth along the
optical axis does not change when a pixel moves.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from affordance_grasp.datatypes import CameraIntrinsics, RgbdFrame
from affordance_grasp.errors import InvalidInput

COEFFICIENTS = {
    "plumb_bob": (4, 5),
    "rational_polynomial": (8, 12, 14),
    "equidistant": (4,),
}
IGNORED_SHIFT_PX = 0.25
"""Distortion that moves no pixel further than this is ignored."""
MAX_SHIFT = 0.15
"""Largest credible shift of a pixel, as a share of the image's longer side."""

Maps = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Distortion:
    """A distortion model and its coefficients; without coefficients a pinhole."""

    model: str = "plumb_bob"
    coefficients: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse unknown models and wrong numbers of coefficients; all zero means a pinhole.

        Zeros behind the coefficients that a model has are left out: drivers pad them.
        """
        if not np.isfinite(self.coefficients).all():
            raise InvalidInput("lens distortion holds NaN or infinity; all must be finite")
        if not any(self.coefficients):
            object.__setattr__(self, "coefficients", ())
            return
        if self.model not in COEFFICIENTS:
            raise InvalidInput(
                f"lens distortion is of model {self.model!r}; known: {', '.join(COEFFICIENTS)}; "
                "publish rectified images or one of these"
            )
        most = COEFFICIENTS[self.model][-1]
        if not any(self.coefficients[most:]):
            object.__setattr__(self, "coefficients", self.coefficients[:most])
        if len(self.coefficients) not in COEFFICIENTS[self.model]:
            expected = " or ".join(str(count) for count in COEFFICIENTS[self.model])
            raise InvalidInput(
                f"lens distortion {self.model} has {len(self.coefficients)} coefficients; "
                f"expected {expected}"
            )


PINHOLE = Distortion()


def undistort(frame: RgbdFrame, distortion: Distortion) -> RgbdFrame:
    """The undistorted frame, as seen by a pinhole of the same intrinsics.

    Colour is interpolated; depth is taken from the nearest pixel, so that edges stay sharp.
    Pixels that the lens did not cover are black and without depth.
    """
    if not matters(frame.intrinsics, distortion):
        return frame
    u, v = _maps(frame.intrinsics, distortion)
    color = cv2.remap(frame.color, u, v, cv2.INTER_LINEAR)
    depth_m = cv2.remap(frame.depth_m, u, v, cv2.INTER_NEAREST)
    return RgbdFrame(np.asarray(color, np.uint8), np.asarray(depth_m), frame.intrinsics)


def undistort_map(
    values: NDArray[np.uint8], intrinsics: CameraIntrinsics, distortion: Distortion
) -> NDArray[np.uint8]:
    """An undistorted map (H, W), resampled as depth is; 0 where the lens did not cover."""
    if not matters(intrinsics, distortion):
        return values
    return np.asarray(
        cv2.remap(values, *_maps(intrinsics, distortion), cv2.INTER_NEAREST), np.uint8
    )


def matters(intrinsics: CameraIntrinsics, distortion: Distortion) -> bool:
    """Whether the lens differs from a pinhole by more than is ignored."""
    return max_shift_px(intrinsics, distortion) > IGNORED_SHIFT_PX


@lru_cache(maxsize=8)
def max_shift_px(intrinsics: CameraIntrinsics, distortion: Distortion) -> float:
    """Largest shift of a pixel [pixel]; refuses more than a depth camera's lens can have."""
    if not distortion.coefficients:
        return 0.0
    u, v = _maps(intrinsics, distortion)
    rows, columns = np.indices(u.shape)
    shift = np.hypot(u - columns, v - rows)
    limit = MAX_SHIFT * max(u.shape)
    largest = float(shift.max())
    if not largest <= limit:
        raise InvalidInput(
            f"lens distortion {distortion.model} {distortion.coefficients} moves pixels by up to "
            f"{largest:.0f} px, at most {limit:.0f} px can be right; calibrate the camera again"
        )
    return largest


@lru_cache(maxsize=8)
def _maps(intrinsics: CameraIntrinsics, distortion: Distortion) -> Maps:
    """Column and row (H, W) in the distorted image of every pixel of the undistorted one."""
    size = intrinsics.width, intrinsics.height
    K, d = intrinsics.K, np.array(distortion.coefficients)
    rotation = np.eye(3)
    if distortion.model == "equidistant":
        u, v = cv2.fisheye.initUndistortRectifyMap(K, d, rotation, K, size, cv2.CV_32FC1)
    else:
        u, v = cv2.initUndistortRectifyMap(K, d, rotation, K, size, cv2.CV_32FC1)
    return np.asarray(u, np.float32), np.asarray(v, np.float32)
