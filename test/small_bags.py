"""Bags written for the tests, message by message, so that every field can be wrong on purpose."""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from affordance_grasp.replay.bags.bag import typestore

START_NS = 1_700_000_000_000_000_000
TYPES = {
    "color": "sensor_msgs/msg/Image",
    "depth": "sensor_msgs/msg/Image",
    "compressed": "sensor_msgs/msg/CompressedImage",
    "info": "sensor_msgs/msg/CameraInfo",
    "joints": "sensor_msgs/msg/JointState",
    "tf": "tf2_msgs/msg/TFMessage",
}
FRAME_ID = "camera_color_optical_frame"


def make(kind, **fields):
    return typestore().types[kind](**fields)


def header(t_s, frame_id=FRAME_ID):
    ns = START_NS + round(t_s * 1e9)
    stamp = make("builtin_interfaces/msg/Time", sec=ns // 10**9, nanosec=ns % 10**9)
    return make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)


def image(t_s, pixels, encoding, frame_id=FRAME_ID, **changes):
    pixels = np.ascontiguousarray(pixels)
    fields = {
        "header": header(t_s, frame_id),
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "encoding": encoding,
        "is_bigendian": 0,
        "step": pixels.strides[0],
        "data": pixels.reshape(-1).view(np.uint8),
    }
    return make("sensor_msgs/msg/Image", **{**fields, **changes})


def compressed(t_s, data, form):
    data = np.frombuffer(bytes(data), np.uint8)
    return make("sensor_msgs/msg/CompressedImage", header=header(t_s), format=form, data=data)


def info(t_s, K):
    region = make(
        "sensor_msgs/msg/RegionOfInterest",
        x_offset=0,
        y_offset=0,
        height=0,
        width=0,
        do_rectify=False,
    )
    return make(
        "sensor_msgs/msg/CameraInfo",
        header=header(t_s),
        height=K.height,
        width=K.width,
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=K.K.ravel(),
        r=np.eye(3).ravel(),
        p=np.zeros(12),
        binning_x=0,
        binning_y=0,
        roi=region,
    )


def joints(t_s, names, positions):
    return make(
        "sensor_msgs/msg/JointState",
        header=header(t_s, ""),
        name=list(names),
        position=np.array(positions, float),
        velocity=np.zeros(0),
        effort=np.zeros(0),
    )


def transforms(t_s, *links):
    """Links are parent, child, translation [m], quaternion x, y, z, w."""
    made = []
    for parent, child, xyz, q in links:
        move = make("geometry_msgs/msg/Vector3", x=xyz[0], y=xyz[1], z=xyz[2])
        turn = make("geometry_msgs/msg/Quaternion", x=q[0], y=q[1], z=q[2], w=q[3])
        made.append(
            make(
                "geometry_msgs/msg/TransformStamped",
                header=header(t_s, parent),
                child_frame_id=child,
                transform=make("geometry_msgs/msg/Transform", translation=move, rotation=turn),
            )
        )
    return make("tf2_msgs/msg/TFMessage", transforms=made)


@contextmanager
def bag_writer(path, storage="MCAP", mode=None):
    """A function ``write(topic, message, t_s)`` into a new bag; bytes are written as they are."""
    writer = Writer(path, version=9, storage_plugin=StoragePlugin[storage])
    if mode:
        writer.set_compression(CompressionMode[mode], CompressionFormat.ZSTD)
    connections = {}
    with writer:

        def write(topic, message, t_s, kind=None):
            kind = kind or message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=typestore())
            data = message
            if not isinstance(message, bytes):
                data = typestore().serialize_cdr(message, kind)
            writer.write(connections[topic], START_NS + round(t_s * 1e9), data)

        yield SimpleNamespace(write=write)


@contextmanager
def ros1_writer(path, behind=b""):
    """As :func:`bag_writer`, for ROS 1; ``behind``: bytes that follow every image."""
    connections = {}
    with Ros1Writer(path) as writer:

        def write(topic, message, t_s, kind=None):
            kind = kind or message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(
                    topic, kind, msgdef="# not read", md5sum="0" * 32
                )
            data = message
            if not isinstance(message, bytes):
                cdr = typestore().serialize_cdr(message, kind)
                data = bytes(typestore().cdr_to_ros1(cdr, kind))
                data += behind if kind == TYPES["color"] else b""
            writer.write(connections[topic], START_NS + round(t_s * 1e9), data)

        yield SimpleNamespace(write=write)
