import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from affordance_grasp.errors import InvalidInput
from affordance_grasp.nodes.convert.columns import MOST, from_obstacles, to_obstacles
from affordance_grasp.scene.obstacles import Obstacles

THREE = Obstacles(
    np.array([[0.5, 0.1, 0.3], [0.51, 0.1, 0.25], [0.4, -0.2, 0.6]]),
    np.array([1, 1, 2], np.int32),
    np.array([True, True, False]),
)


def test_obstacles_come_back_as_they_were():
    cloud = from_obstacles(THREE, Header(frame_id="base_link"))
    assert (cloud.width, cloud.height, cloud.header.frame_id) == (3, 1, "base_link")
    found = to_obstacles(cloud)
    np.testing.assert_allclose(found.top_base, THREE.top_base, atol=1e-6)
    np.testing.assert_array_equal(found.thing, THREE.thing)
    np.testing.assert_array_equal(found.seen, THREE.seen)


def test_no_obstacles_are_some_too():
    none = THREE.where(np.zeros(3, bool))
    assert len(to_obstacles(from_obstacles(none, Header())).thing) == 0


def garbled(**changes):
    cloud = from_obstacles(THREE, Header(frame_id="base_link"))
    for name, value in changes.items():
        setattr(cloud, name, value)
    return cloud


@pytest.mark.parametrize(
    ("cloud", "words"),
    [
        (PointCloud2(), "x, y, z, thing, seen per point"),
        (garbled(is_bigendian=True), "x, y, z, thing, seen per point"),
        (garbled(width=MOST + 1), "x, y, z, thing, seen per point"),
        (garbled(width=4), "51 bytes are not 4 points"),
        (garbled(data=b"\xff" * 51), "or nowhere"),
    ],
)
def test_what_is_none_of_these_is_refused(cloud, words):
    with pytest.raises(InvalidInput, match=words):
        to_obstacles(cloud)
