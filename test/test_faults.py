"""Every usual fault of a camera, published for real, is told by one sentence."""

import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from threading import Event, Thread
from time import monotonic

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

import rclpy
from builtin_interfaces.msg import Time
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from affordance_grasp.camera.faults import ALIGN, CameraTopics, TopicStatus, camera_faults
from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.nodes.check_camera import CameraCheck, report_camera
from affordance_grasp.nodes.convert.conversions import from_intrinsics
from affordance_grasp.nodes.convert.images import from_color, from_depth_m
from affordance_grasp.nodes.graph.processes import isolate
from affordance_grasp.nodes.inputs.frames import COLOR, DEPTH, INFO, FrameStream

FRAME = "camera_color_optical_frame"
INTRINSICS = CameraIntrinsics(100.0, 100.0, 32.0, 24.0, 64, 48)
WAIT_S = 20.0
NOW_S = 1000.0


def images(size=(64, 48), frame_id=FRAME, stamp=None, depth_m=0.5):
    header = Header(frame_id=frame_id, stamp=stamp or Time(sec=int(NOW_S)))
    color = from_color(np.full((size[1], size[0], 3), 90, np.uint8), header)
    return color, from_depth_m(np.full((size[1], size[0]), depth_m, np.float32), header)


def view(color=None, depth=None, info=None, arrived_s=NOW_S, camera_frame=FRAME):
    """A camera on which all is well but for the changes."""
    fine_color, fine_depth = images()
    fine_info = from_intrinsics(INTRINSICS, fine_color.header)
    image, camera_info = ("sensor_msgs/msg/Image",), ("sensor_msgs/msg/CameraInfo",)
    return CameraTopics(
        TopicStatus("/color", image, ("/camera",), (), color or fine_color, arrived_s),
        TopicStatus("/depth", image, ("/camera",), (), depth or fine_depth),
        TopicStatus("/info", camera_info, ("/camera",), (), info or fine_info),
        camera_frame,
    )


def test_a_camera_without_fault_has_none():
    assert camera_faults(view()) == []


def test_a_part_of_the_sensor_is_no_fault():
    whole = CameraIntrinsics(100.0, 100.0, 64.0, 48.0, 128, 96)
    info = from_intrinsics(whole, images()[0].header)
    info.binning_x = info.binning_y = 2
    assert camera_faults(view(info=info)) == []
    info.binning_x = 3
    assert "binning 3x2" in " ".join(camera_faults(view(info=info)))


def small_depth():
    return images((32, 24))[1]


def other_depth():
    return images(frame_id="camera_depth_optical_frame")[1]


def late_depth():
    return images(stamp=Time(sec=int(NOW_S), nanosec=200_000_000))[1]


def prismatic():
    info = from_intrinsics(INTRINSICS, Header())
    info.distortion_model, info.d = "thin_prism", [0.1]
    return info


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"depth": small_depth()}, ["depth is 32x24 and colour 64x48", ALIGN]),
        ({"depth": other_depth()}, ["'camera_depth_optical_frame'", ALIGN]),
        ({"depth": late_depth()}, ["200 ms apart", "enable_sync:=true"]),
        ({"depth": images(stamp=Time())[1]}, ["/depth have no stamp", "must stamp each"]),
        ({"depth": images(depth_m=0.0)[1]}, ["no reading at all", "emitter"]),
        ({"info": CameraInfo(width=1280, height=720)}, ["1280x720", "remap the camera_info"]),
        ({"info": CameraInfo(width=64, height=48)}, ["uncalibrated"]),
        ({"info": prismatic()}, ["'thin_prism'", "publish rectified images"]),
        ({"camera_frame": "wrist_optical"}, ["'wrist_optical'", "calibrate"]),
        ({"arrived_s": NOW_S + 40}, ["40.0 s old", "--clock and set use_sim_time"]),
        ({"arrived_s": NOW_S - 3}, ["3.0 s ahead", "synchronise the clocks"]),
    ],
)
def test_every_fault_says_what_to_set(changes, words):
    (fault,) = camera_faults(view(**changes))
    assert all(word in fault for word in words), fault
    assert "\n" not in fault


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"publishers": (), "message": None}, f"nobody publishes /depth; {ALIGN}"),
        (
            {"types": ("sensor_msgs/msg/CompressedImage",)},
            "remap a topic of sensor_msgs/msg/Image",
        ),
        ({"publishers": ("/a", "/b")}, "comes from /a and /b; stop all but one"),
        ({"message": None}, "/camera offers /depth but nothing arrives"),
        ({"mismatches": ("rviz gets nothing",)}, "rviz gets nothing"),
    ],
)
def test_faults_of_a_topic(changes, words):
    healthy = view()
    (fault,) = camera_faults(replace(healthy, depth=replace(healthy.depth, **changes)))
    assert words in fault


class Publisher:
    """A camera that publishes what it is told, again and again."""

    def __init__(self, node, camera_info=True, aligned=True, qos=qos_profile_sensor_data, **frame):
        self._node, self._frame = node, frame
        self._color = node.create_publisher(Image, COLOR, qos)
        self._depth = node.create_publisher(Image, DEPTH, qos) if aligned else None
        self._info = node.create_publisher(CameraInfo, INFO, qos) if camera_info else None
        node.create_timer(0.05, self._publish)

    def _publish(self):
        stamp = self._node.get_clock().now().to_msg()
        color, depth = images(stamp=stamp, **self._frame)
        self._color.publish(color)
        if self._depth:
            self._depth.publish(depth)
        if self._info:
            self._info.publish(from_intrinsics(INTRINSICS, color.header))


@pytest.fixture
def nodes():
    """A camera's node and one that looks at it, spinning, each as a process of its own would."""
    isolate()
    with ExitStack() as stack:
        yield tuple(_spinning(stack, name) for name in ("some_camera", "looker"))


def _spinning(stack, name):
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node(name, context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    thread = Thread(target=_spin, args=(executor,))
    thread.start()
    for end in (context.try_shutdown, node.destroy_node, thread.join, executor.shutdown):
        stack.callback(end)
    return node


def _spin(executor):
    try:
        executor.spin()
    except ExternalShutdownException:
        return


def seen(looker, count):
    """The faults as soon as there are so many; discovery takes a while."""
    check = CameraCheck(looker, FrameStream(looker), FRAME, WAIT_S, lambda faults: None)
    deadline, pause = monotonic() + WAIT_S, Event()
    while True:
        view = check.view()
        faults = camera_faults(view)
        soon = any("appeared" in f or "nothing arrives" in f for f in faults)
        known = view.color.message is not None and not soon
        if known and len(faults) == count:
            return faults
        assert monotonic() < deadline, f"expected {count} faults: {faults}"
        pause.wait(0.05)


def test_a_camera_that_works_is_found_fine(nodes):
    camera, looker = nodes
    Publisher(camera)
    assert seen(looker, 0) == []


def test_align_depth_off_is_told(nodes):
    camera, looker = nodes
    Publisher(camera, aligned=False)
    assert seen(looker, 1) == [f"nobody publishes /{DEPTH}; {ALIGN}"]


def test_a_missing_camera_info_is_told(nodes):
    camera, looker = nodes
    Publisher(camera, camera_info=False)
    (fault,) = seen(looker, 1)
    assert fault.startswith(f"nobody publishes /{INFO}")


def test_a_wrong_frame_is_told(nodes):
    camera, looker = nodes
    Publisher(camera, frame_id="camera_color_frame")
    (fault,) = seen(looker, 1)
    assert "'camera_color_frame'" in fault and "colour optical frame" in fault


def test_a_reader_that_asks_for_more_than_the_camera_gives_is_named(nodes):
    camera, looker = nodes
    Publisher(camera)
    camera.create_subscription(Image, COLOR, lambda message: None, 10)  # reliable
    (fault,) = seen(looker, 1)
    assert fault.startswith(f"/some_camera gets nothing of /{COLOR} from /some_camera")
    assert "let it read best effort and volatile" in fault and "\n" not in fault


def test_a_compressed_topic_under_the_plain_name_is_told(nodes):
    camera, looker = nodes
    Publisher(camera, aligned=False)
    camera.create_publisher(CompressedImage, DEPTH, qos_profile_sensor_data)
    (fault,) = seen(looker, 1)
    assert "CompressedImage; remap a topic of sensor_msgs/msg/Image" in fault


def test_two_cameras_on_one_topic_are_told(nodes):
    camera, looker = nodes
    Publisher(camera)
    looker.create_publisher(Image, COLOR, qos_profile_sensor_data)
    (fault,) = seen(looker, 1)
    both = ("/looker and /some_camera", "/some_camera and /looker")
    assert fault in [f"/{COLOR} comes from {names}; stop all but one" for names in both]


def reported(looker, capfd, patience_s):
    """What a node's log tells of its camera."""
    report_camera(looker, FrameStream(looker), FRAME, patience_s)
    pause, said = Event(), ""
    for _ in range(200):
        pause.wait(0.1)
        said += "".join(capfd.readouterr())
        if "camera:" in said:
            return said
    raise AssertionError("the log says nothing")


def test_the_log_of_a_node_tells_it_once(nodes, capfd):
    camera, looker = nodes
    Publisher(camera, aligned=False)
    assert seen(looker, 1)
    assert reported(looker, capfd, 0.5).count("align_depth.enable:=true") == 1


def test_the_log_of_a_node_tells_that_all_is_well(nodes, capfd):
    camera, looker = nodes
    Publisher(camera)
    assert "camera: frames can be used" in reported(looker, capfd, WAIT_S)


@pytest.mark.processes
@pytest.mark.parametrize(("aligned", "code"), [(True, 0), (False, 1)])
def test_the_program_tells_by_its_exit_code(nodes, aligned, code):
    Publisher(nodes[0], aligned=aligned)
    command = [sys.executable, "-m", "affordance_grasp.nodes.check_camera"]
    command += ["--ros-args", "-p", f"patience_s:={WAIT_S if aligned else 2.0}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == code, ended.stderr
    assert ("frames can be used" in ended.stdout) == aligned
    assert ("align_depth.enable:=true" in ended.stderr) != aligned
