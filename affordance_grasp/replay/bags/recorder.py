"""Writes a rosbag2 recording of a camera and a robot, for replay, without ROS."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affordance_grasp.datatypes import CameraIntrinsics, RgbdFrame
from affordance_grasp.errors import InvalidInput, UnknownName, writing
from affordance_grasp.extras import missing
from affordance_grasp.replay.bags.bag import typestore
from affordance_grasp.replay.bags.topics import (
    ANNOTATION,
    CAMERA_INFO,
    COLOR,
    DEPTH,
    IMAGE,
    INFO,
    JOINT_STATE,
)
from affordance_grasp.streams.depth import millimetres

STORAGES = ("mcap", "sqlite3")
CLOSE_BAG_S = 300.0
"""A bag without its index cannot be read, and a slow disk takes long to write all."""
_BAG_VERSION: Literal[9] = 9


class BagRecorder:
    """One bag being written; use it in ``with``, so that its index is written.

    Topics carry the names of realsense2_camera below ``prefix``; ground truth for an affordance
    goes to ``annotation/<affordance>``, mono8, 255 on the parts that serve it.
    """

    def __init__(self, folder: Path, storage: str = "mcap", prefix: str = "/") -> None:
        """Make the folder, which must not exist yet.

        Raises:
            InvalidInput: the folder exists.
            StorageFull, NotWritable, InvalidInput: it cannot be made; see :func:`errors.writing`.
            UnknownName: the storage is neither mcap nor sqlite3.
        """
        if storage not in STORAGES:
            raise UnknownName("bag storage", storage, STORAGES)
        try:
            from rosbags.rosbag2 import StoragePlugin, Writer
            from rosbags.rosbag2.errors import WriterError
        except ImportError as error:
            raise missing("rosbags", "recording bags", error) from error
        plugin = StoragePlugin[storage.upper()]
        try:
            with writing(folder):
                self._writer = Writer(Path(folder), version=_BAG_VERSION, storage_plugin=plugin)
                self._writer.open()
        except WriterError as error:
            raise InvalidInput(
                f"bag {folder} exists already; name a folder that does not"
            ) from error
        self._prefix = prefix
        self._connections: dict[str, Any] = {}
        self._types = typestore().types

    def __enter__(self) -> "BagRecorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write the index and metadata.yaml; without them the bag is unreadable."""
        self._writer.close()

    def frame(
        self,
        stamp_ns: int,
        frame: RgbdFrame,
        frame_id: str,
        annotations: Mapping[str, NDArray[np.bool_]] | None = None,
    ) -> None:
        """One instant of the camera; depth as 16UC1 in millimetres.

        ``annotations``: affordance -> mask (H, W) of the parts that serve it.
        """
        header = self._header(stamp_ns, frame_id)
        self._write(INFO.names[0], CAMERA_INFO, stamp_ns, self._info(header, frame.intrinsics))
        self._image(DEPTH.names[0], header, stamp_ns, millimetres(frame.depth_m), "16UC1")
        for affordance, mask in (annotations or {}).items():
            gray = np.where(mask, np.uint8(255), np.uint8(0))
            self._image(f"{ANNOTATION}/{affordance}", header, stamp_ns, gray, "mono8")
        self._image(COLOR.names[0], header, stamp_ns, frame.color, "rgb8")

    def joints(
        self,
        stamp_ns: int,
        names: Sequence[str],
        positions: ArrayLike,
        velocities: ArrayLike = (),
    ) -> None:
        """Joint angles [rad] and velocities [rad/s] at one instant."""
        message = self._types[JOINT_STATE](
            header=self._header(stamp_ns, ""),
            name=list(names),
            position=np.array(positions, float),
            velocity=np.array(velocities, float),
            effort=np.zeros(0),
        )
        self._write("joint_states", JOINT_STATE, stamp_ns, message)

    def _header(self, stamp_ns: int, frame_id: str) -> Any:
        seconds, nanoseconds = divmod(int(stamp_ns), 10**9)
        stamp = self._types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
        return self._types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)

    def _image(
        self, name: str, header: Any, stamp_ns: int, pixels: NDArray[np.generic], encoding: str
    ) -> None:
        pixels = np.ascontiguousarray(pixels)
        message = self._types[IMAGE](
            header=header,
            height=pixels.shape[0],
            width=pixels.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=int(pixels.strides[0]),
            data=pixels.reshape(-1).view(np.uint8),
        )
        self._write(name, IMAGE, stamp_ns, message)

    def _info(self, header: Any, intrinsics: CameraIntrinsics) -> Any:
        K = intrinsics.K
        region = self._types["sensor_msgs/msg/RegionOfInterest"](
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )
        return self._types[CAMERA_INFO](
            header=header,
            height=intrinsics.height,
            width=intrinsics.width,
            distortion_model="plumb_bob",
            d=np.zeros(5),
            k=K.ravel(),
            r=np.eye(3).ravel(),
            p=np.hstack([K, np.zeros((3, 1))]).ravel(),
            binning_x=0,
            binning_y=0,
            roi=region,
        )

    def _write(self, name: str, kind: str, stamp_ns: int, message: Any) -> None:
        topic = self._prefix + name
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic, kind, typestore=typestore()
            )
        data = typestore().serialize_cdr(message, kind)
        self._writer.write(self._connections[topic], int(stamp_ns), data)
