"""The values that pass between the components; frozen, and validated where they are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from affordance_grasp.errors import InvalidInput
from affordance_grasp.geometry import Floats

MAX_IMAGE_SIDE = 8192
MAX_IMAGE_PIXELS = 25_000_000
"""A telephone's photograph of 5712x4284 is less; grounding 25 megapixels takes 1.4 GB."""
MAX_FRAME_PIXELS = 2**24
"""16.8 megapixels with depth: the finest depth camera's 4096x3072 are less. The plan of one and
its figures take 1.9 GB."""
LARGEST = f"sides must be 1..{MAX_IMAGE_SIDE}, in all {MAX_IMAGE_PIXELS / 1e6:g} megapixels"
SATURATED = 2**16 - 1
"""In depth of 16 bits the largest value, like 0, is no reading."""
WIDEST_VIEW = 20.0
"""Longer sides per focal length: 168 degrees, a rectified fisheye."""
LONGEST_LENS = 10.0
"""Focal lengths per longer side: 6 degrees, a telephone's telephoto lens of 240 mm."""
SMALLEST_SENSOR = 64
"""Smaller images may be cut from the middle of one of this side."""
MOST_STRETCHED = 2.0
"""Ratio of fx to fy: an image of 16:9 that was squeezed into a square has 1.8."""
FARTHEST_OFF_CENTRE = 0.1
"""Distance of the principal point from the middle, as a share of the side: YCB-Video's has 0.083,
factory calibrations have at most half of that."""


class TextEnum(str, Enum):
    """An enumeration of words, whose members print as these."""

    def __str__(self) -> str:
        """The word itself, as messages and reports show it."""
        return str(self.value)


class Reason(TextEnum):
    """Why a grasp candidate was rejected."""

    OFF_IMAGE = "off image"
    NO_DEPTH = "no depth"
    COLD = "cold"
    TOO_WIDE = "too wide"
    TABLE = "table"
    NO_IK = "no IK"
    JOINT_LIMIT = "joint limit"
    PATH = "path"
    OBSTACLE = "obstacle"
    NOT_TRIED = "not tried"


@dataclass(frozen=True)
class CameraIntrinsics:
    """Pinhole intrinsics in pixels, integer coordinates at pixel centres, no distortion.

    ``cropped``: the image is a part of what a camera sees, so that its principal point may be
    anywhere.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    cropped: bool = False

    def __post_init__(self) -> None:
        """Refuse intrinsics that cannot be inverted, or that no camera of that image size has."""
        if not np.isfinite([self.fx, self.fy, self.cx, self.cy]).all():
            raise InvalidInput("camera intrinsics hold NaN or infinity; all must be finite")
        if self.fx <= 0 or self.fy <= 0:
            raise InvalidInput(
                f"camera matrix is not invertible: fx={self.fx:g}, fy={self.fy:g} must be > 0"
            )
        check_image_size(self.width, self.height, "the camera's image")
        if not self._fits_a_lens():
            raise InvalidInput(
                f"camera intrinsics fx={self.fx:g}, fy={self.fy:g} fit no lens for an image of "
                f"{self.width}x{self.height}; they are focal lengths in pixels of that image, in "
                "the order fx fy cx cy"
            )
        if not self._is_centred():
            raise InvalidInput(
                f"principal point cx={self.cx:g}, cy={self.cy:g} is not near the middle of the "
                f"{self.width}x{self.height} image; the intrinsics are those of another "
                "resolution or of the image before it was cropped, or not in the order fx fy cx cy"
            )

    def _fits_a_lens(self) -> bool:
        shortest, longest = sorted((self.fx, self.fy))
        side = max(self.width, self.height)
        whole = MAX_IMAGE_SIDE if self.cropped else max(side, SMALLEST_SENSOR)
        within = side / WIDEST_VIEW <= shortest and longest <= whole * LONGEST_LENS
        return within and (self.cropped or longest <= MOST_STRETCHED * shortest)

    def _is_centred(self) -> bool:
        """Whether the principal point is near the middle, give or take a pixel's convention."""
        if self.cropped:
            return max(abs(self.cx), abs(self.cy)) <= 2 * MAX_IMAGE_SIDE
        return all(
            abs(centre - (side - 1) / 2) <= FARTHEST_OFF_CENTRE * side + 1
            for centre, side in ((self.cx, self.width), (self.cy, self.height))
        )

    @property
    def K(self) -> Floats:
        """The 3x3 camera matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])


@dataclass(frozen=True)
class Region:
    """A rectangle of an image in pixels: columns ``left..right-1``, rows ``top..bottom-1``."""

    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self) -> None:
        """Refuse an empty or negative rectangle."""
        if not (0 <= self.left < self.right and 0 <= self.top < self.bottom):
            raise InvalidInput(
                f"region {self.left},{self.top},{self.right},{self.bottom} is empty or negative"
            )

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices of this region."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True)
class RgbdFrame:
    """One colour image with depth aligned to it, in the camera's optical frame.

    ``color``: (H, W, 3) uint8 rgb. ``depth_m``: (H, W) float32 [m], 0 = no reading; readings that
    are not finite or negative are stored as 0.
    """

    color: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    intrinsics: CameraIntrinsics

    def __post_init__(self) -> None:
        """Check sizes and types, and clean the depth."""
        check_color(self.color)
        size = (self.intrinsics.height, self.intrinsics.width)
        if self.color.shape[:2] != size or self.depth_m.shape != size:
            raise InvalidInput(
                f"colour {_size(self.color)}, depth {_size(self.depth_m)} and intrinsics "
                f"{size[1]}x{size[0]} differ in size; depth must be aligned to the colour image"
            )
        if self.depth_m.size > MAX_FRAME_PIXELS:
            raise InvalidInput(
                f"colour with depth is {size[1]}x{size[0]}; at most {MAX_FRAME_PIXELS / 1e6:.1f} "
                "megapixels: scale both images and the intrinsics down"
            )
        depth = np.asarray(self.depth_m, np.float32)
        depth = np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))
        object.__setattr__(self, "depth_m", depth)


def check_color(color: NDArray[np.uint8]) -> None:
    """Refuse what is not an (H, W, 3) uint8 rgb image of a sane size."""
    if color.ndim != 3 or color.shape[2] != 3 or color.dtype != np.uint8:
        raise InvalidInput(
            f"colour image has shape {color.shape} and type {color.dtype}; "
            "expected (H, W, 3) uint8 rgb"
        )
    check_image_size(color.shape[1], color.shape[0], "colour image")


def check_image_size(width: int, height: int, what: str) -> None:
    """Refuse an image without pixels, or of more than this package takes."""
    sides = 0 < width <= MAX_IMAGE_SIDE and 0 < height <= MAX_IMAGE_SIDE
    if not (sides and width * height <= MAX_IMAGE_PIXELS):
        raise InvalidInput(f"{what} is {width}x{height}; {LARGEST}")


def _size(image: NDArray[np.generic]) -> str:
    return "x".join(str(side) for side in image.shape[1::-1])


@dataclass(frozen=True)
class Heatmap:
    """Where on the object one affordance is: a dense score over the colour image.

    ``values``: (H, W) float32 in [0, 1], peak 1, at the colour image's size; 0 outside the region
    of interest and, where depth told which pixels show the object, beside it. ``raw``: the
    method's own map before normalisation, at its own resolution: a probability map that sums to 1
    (PLSP) or a signed class activation. ``confidence``: 0..1, how concentrated the map is, times
    the share of the heat on the object where depth tells. ``similarity``: where the query was put
    to the network as free text, its cosine to ``affordance``, the nearest that was trained; the
    map is that of the query's own verb.
    """

    values: NDArray[np.float32]
    raw: NDArray[np.float32]
    query: str
    affordance: str
    method: str
    confidence: float
    similarity: float | None = None

    @property
    def peak_uv(self) -> tuple[int, int]:
        """Column and row of the highest value."""
        row, column = np.unravel_index(int(self.values.argmax()), self.values.shape)
        return int(column), int(row)


@dataclass(frozen=True)
class GraspCandidates:
    """N grasps in the camera's optical frame, arrays of equal length.

    ``T_cam_tcp`` (N, 4, 4): pose of ``tcp`` at closure: origin midway between the fingertips, +z
    approach, +x closing direction. ``width_m`` (N,): distance of the fingertips at closure.
    ``contact_cam`` (N, 3) [m]: the surface point that is projected on the heatmap.
    ``quality`` (N,): geometric quality, 0..1, higher is better. ``examined``: how many hand poses
    the generator examined to find these. ``left_out``: what was wrong with proposals of an
    external generator that could not be used -> how many. ``opening_m`` (N,): distance of the
    fingertips while the hand comes down; 0, as for all when none are given: what the width and
    the gripper's clearance need.
    """

    T_cam_tcp: Floats
    width_m: Floats
    contact_cam: Floats
    quality: Floats
    generator: str
    examined: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    opening_m: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        """Refuse arrays that disagree in length or hold NaN."""
        n = len(self.width_m)
        if not len(self.opening_m):
            object.__setattr__(self, "opening_m", np.zeros(n))
        shapes = {
            "T_cam_tcp": (self.T_cam_tcp.shape, (n, 4, 4)),
            "width_m": (self.width_m.shape, (n,)),
            "contact_cam": (self.contact_cam.shape, (n, 3)),
            "quality": (self.quality.shape, (n,)),
            "opening_m": (self.opening_m.shape, (n,)),
        }
        for name, (shape, expected) in shapes.items():
            if shape != expected:
                raise InvalidInput(f"grasp candidates: {name} is {shape}, expected {expected}")
        for name in shapes:
            if not np.isfinite(getattr(self, name)).all():
                raise InvalidInput(f"grasp candidates: {name} holds NaN or infinity")
        if ((self.opening_m != 0) & (self.opening_m < self.width_m)).any():
            raise InvalidInput("grasp candidates: opening_m must be 0 or not less than width_m")

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.width_m)

    def where(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> "GraspCandidates":
        """The candidates picked by a mask or by indices."""
        arrays = ("T_cam_tcp", "width_m", "contact_cam", "quality", "opening_m")
        return replace(self, **{name: getattr(self, name)[keep] for name in arrays})


@dataclass(frozen=True)
class RankedGrasp:
    """One accepted grasp with its pose, width, heat and quality.

    ``T_cam_tcp``, ``contact_cam`` and ``opening_m`` as in :class:`GraspCandidates`; ``heat`` is
    the heatmap's value at the pixel ``contact_uv``; ``candidate`` the index in the candidates it
    came from.
    """

    T_cam_tcp: Floats
    width_m: float
    contact_cam: Floats
    contact_uv: tuple[float, float]
    heat: float
    quality: float
    candidate: int
    opening_m: float = 0.0


@dataclass(frozen=True)
class Selection:
    """Accepted grasps, best first, and one reason for every candidate that was rejected."""

    ranked: tuple[RankedGrasp, ...]
    rejected: dict[int, Reason] = field(default_factory=dict)

    @property
    def best(self) -> RankedGrasp | None:
        """The grasp to execute, or None when every candidate was rejected."""
        return self.ranked[0] if self.ranked else None

    def rejection_counts(self) -> dict[str, int]:
        """Reason -> number of rejected candidates, in the order of :class:`Reason`."""
        values = list(self.rejected.values())
        return {str(reason): values.count(reason) for reason in Reason if reason in values}


@dataclass(frozen=True)
class JointTrajectory:
    """Timed motion: ``times_s`` (N,) from 0, ``positions``, ``velocities`` (N, J) [rad, rad/s]."""

    joint_names: tuple[str, ...]
    times_s: Floats
    positions: Floats
    velocities: Floats

    def __post_init__(self) -> None:
        """Refuse times that do not grow and arrays that disagree in shape."""
        expected = (len(self.times_s), len(self.joint_names))
        if self.positions.shape != expected or self.velocities.shape != expected:
            raise InvalidInput(f"joint trajectory arrays must both be {expected}")
        if len(self.times_s) < 1 or self.times_s[0] != 0 or (np.diff(self.times_s) <= 0).any():
            raise InvalidInput("joint trajectory times must start at 0 and grow strictly")

    @property
    def duration_s(self) -> float:
        """Time of the last point [s]."""
        return float(self.times_s[-1])
