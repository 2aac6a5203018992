"""Depth images of boxes and cylinders on a table, cast from their equations: known answers."""

from dataclasses import dataclass

import numpy as np

from affordance_grasp.datatypes import CameraIntrinsics, RgbdFrame
from affordance_grasp.geometry import pose

INTRINSICS = CameraIntrinsics(fx=615, fy=615, cx=320, cy=240, width=640, height=480)


def looking_down(elevation_deg: float = 65.0, distance_m: float = 0.48):
    """``T_world_cam`` of a camera above the origin of the table plane z = 0, image upright."""
    e = np.radians(elevation_deg)
    forward = np.array([0, np.cos(e), -np.sin(e)])
    right = np.array([1.0, 0, 0])
    return pose(np.column_stack([right, np.cross(forward, right), forward]), -distance_m * forward)


@dataclass(frozen=True)
class Block:
    """A box on the table: centre, full size and yaw; z is the height of its lower face."""

    x: float
    y: float
    size: tuple[float, float, float]
    yaw_deg: float = 0.0
    z: float = 0.0

    def hit(self, origin, rays):
        c, s = np.cos(np.radians(self.yaw_deg)), np.sin(np.radians(self.yaw_deg))
        R = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
        center = np.array([self.x, self.y, self.z + self.size[2] / 2])
        o, d = R @ (origin - center), rays @ R.T
        half = np.array(self.size) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            a, b = (-half - o) / d, (half - o) / d
        near, far = np.minimum(a, b).max(-1), np.maximum(a, b).min(-1)
        return np.where((near <= far) & (near > 0), near, np.inf)


@dataclass(frozen=True)
class Can:
    """An upright closed cylinder on the table."""

    x: float
    y: float
    radius: float
    height: float

    def hit(self, origin, rays):
        o, d = origin[:2] - (self.x, self.y), rays[..., :2]
        a, b = (d**2).sum(-1), (d * o).sum(-1)
        root = b**2 - a * (o @ o - self.radius**2)
        with np.errstate(invalid="ignore", divide="ignore"):
            side = (-b - np.sqrt(root)) / a
            z = origin[2] + side * rays[..., 2]
            side = np.where((root > 0) & (z > 0) & (z < self.height), side, np.inf)
            top = (self.height - origin[2]) / rays[..., 2]
            on_top = ((o + top[..., None] * d) ** 2).sum(-1) < self.radius**2
        return np.minimum(side, np.where(on_top, top, np.inf))


def tabletop(*things, noise_m: float = 0.001, seed: int = 0, T_world_cam=None) -> RgbdFrame:
    """The frame that a camera sees; every depth reading with independent noise."""
    T = looking_down() if T_world_cam is None else T_world_cam
    K = INTRINSICS
    v, u = np.indices((K.height, K.width))
    rays_cam = np.stack([(u - K.cx) / K.fx, (v - K.cy) / K.fy, np.ones(u.shape)], -1)
    rays = rays_cam @ T[:3, :3].T
    with np.errstate(divide="ignore"):
        plane = np.where(rays[..., 2] < 0, -T[2, 3] / rays[..., 2], np.inf)
    depth = np.min([plane, *(thing.hit(T[:3, 3], rays) for thing in things)], axis=0)
    rng = np.random.default_rng(seed)
    depth = np.where(np.isfinite(depth), depth + rng.normal(0, noise_m, depth.shape), 0)
    color = np.full((*depth.shape, 3), 128, np.uint8)
    return RgbdFrame(color, depth.astype(np.float32), K)


def to_world(points_cam, T_world_cam=None):
    """Points of the camera frame in the frame of the table."""
    T = looking_down() if T_world_cam is None else T_world_cam
    return np.asarray(points_cam) @ T[:3, :3].T + T[:3, 3]
