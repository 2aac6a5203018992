"""The scene as points: where they are, of which colour and object, and as a file."""

import numpy as np
from tabletop import Block, tabletop

from affordance_grasp.geometry import project
from affordance_grasp.scene.cloud import segment_scene
from affordance_grasp.scene.labelled_points import POINT, THINNED, ply_bytes, scene_points

FRAME = tabletop(Block(0.0, 0.0, (0.12, 0.03, 0.05)))
LABELS = segment_scene(FRAME).cloud.labels


def test_objects_are_whole_and_the_rest_is_thinned():
    points = scene_points(FRAME, LABELS)
    assert (points["label"] == 1).sum() == (LABELS == 1).sum()
    rest = (points["label"] == 0).sum() * THINNED**2
    assert abs(rest - (LABELS == 0).sum()) < 0.05 * rest
    uv = project(np.column_stack([points[axis] for axis in "xyz"]), FRAME.intrinsics.K)
    u, v = np.rint(uv).astype(int).T
    np.testing.assert_array_equal(LABELS[v, u], points["label"])
    np.testing.assert_allclose(FRAME.depth_m[v, u], points["z"], rtol=1e-6)


def test_a_ply_file_names_what_stands_in_it():
    points = np.zeros(2, POINT)
    points["x"], points["red"], points["label"] = (0.5, -1.0), (255, 3), (1, 70000)
    header, _, body = ply_bytes(points).partition(b"end_header\n")
    assert header.split(b"\n")[:3] == [
        b"ply",
        b"format binary_little_endian 1.0",
        b"element vertex 2",
    ]
    types = {b"float": "<f4", b"uchar": "u1", b"uint": "<u4"}
    named = [line.split() for line in header.split(b"\n") if line.startswith(b"property")]
    read = np.frombuffer(body, [(name.decode(), types[kind]) for _, kind, name in named])
    assert read["x"].tolist() == [0.5, -1.0]
    assert read["red"].tolist() == [255, 3]
    assert read["label"].tolist() == [1, 70000]
