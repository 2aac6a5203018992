"""Whatever a recording, a calibration or a journal holds: a value, or one sentence."""

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_bags import bag_writer, compressed, image, info, joints, ros1_writer, transforms

from affordance_grasp.calibration.views import read_views
from affordance_grasp.control.camera_mounting import load_hand_eye, write_hand_eye
from affordance_grasp.control.robot import load_robot
from affordance_grasp.datatypes import CameraIntrinsics
from affordance_grasp.errors import AffordanceGraspError, InvalidInput
from affordance_grasp.replay.bags.bag import Bag, RawMessage, decode, read_header, typestore
from affordance_grasp.replay.bags.decoding import decode_frame
from affordance_grasp.replay.bags.topics import find_topics
from affordance_grasp.replay.options import TopicNames
from affordance_grasp.replay.report.page import write_page
from affordance_grasp.replay.report.results import PLANNED, FrameResult, read_results
from affordance_grasp.replay.report.summary import tally, write_table
from affordance_grasp.replay.source import FrameSource
from affordance_grasp.streams.joints import JointHistory
from affordance_grasp.streams.pairing import COLOR, DEPTH, Losses, Paired, Pairer, Stamped
from affordance_grasp.streams.transforms import TransformTree

ROBOT = load_robot()
K = CameraIntrinsics(15.0, 15.0, 8.0, 6.0, 16, 12)
NAMES = ("a", "b")
MESSAGES = {
    "/camera/color/image_raw": image(0, np.zeros((12, 16, 3), np.uint8), "rgb8"),
    "/camera/aligned_depth_to_color/image_raw": image(0, np.full((12, 16), 500, "u2"), "16UC1"),
    "/camera/color/camera_info": info(0, K),
    "/joint_states": joints(0, NAMES, (1.0, 2.0)),
    "/tf": transforms(0, ("base_link", "cam", (1, 2, 3), (0, 0, 0, 1))),
    "/packed": compressed(0, b"\x89PNG", "16UC1; compressedDepth png"),
}
PATIENT = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


def paths(tree, before=()):
    """All places in nested mappings and lists."""
    within = enumerate(tree) if isinstance(tree, list) else getattr(tree, "items", tuple)()
    for key, value in within:
        yield (*before, key)
        yield from paths(value, (*before, key))


def changed(tree, draw):
    """A copy in which something else stands somewhere, or something is missing."""
    copy = json.loads(json.dumps(tree))
    for path in draw(st.lists(st.sampled_from(list(paths(tree))), min_size=1, max_size=2)):
        at = copy
        try:
            for key in path[:-1]:
                at = at[key]
            if draw(st.booleans()) and isinstance(at, dict):
                del at[path[-1]]
            else:
                at[path[-1]] = draw(VALUES)
        except (KeyError, IndexError, TypeError):
            continue  # it was changed above
    return copy


@st.composite
def bytes_like(draw, whole):
    """A message cut off, with some bytes changed, or other bytes."""
    data = bytearray(whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole)
    for at in draw(st.lists(st.integers(0, max(len(data) - 1, 0)), max_size=6)) if data else ():
        data[at] = draw(st.sampled_from((0, 1, 127, 128, 255)) | st.integers(0, 255))
    return bytes(data)


def raw(topic, data):
    return RawMessage(topic, MESSAGES[topic].__msgtype__, 1, data)


def serialized(topic):
    message = MESSAGES[topic]
    return bytes(typestore().serialize_cdr(message, message.__msgtype__))


def take(topic, message):
    """All that is done with a message of a topic."""
    header = read_header(message)
    if topic == "/joint_states":
        JointHistory(NAMES).take(decode(message), header.stamp_ns)
    elif topic == "/tf":
        TransformTree().take(decode(message), static=False)
    else:
        whole = {name: raw(name, serialized(name)) for name in MESSAGES} | {topic: message}
        color, depth, camera, _, _, packed = whole.values()
        depth = packed if topic == "/packed" else depth
        decode_frame(Paired(header, color, depth, camera))


@pytest.mark.parametrize("topic", MESSAGES)
@PATIENT
@given(data=st.data())
def test_any_bytes_are_a_message_or_one_sentence(topic, data):
    message = raw(topic, data.draw(bytes_like(serialized(topic))))
    try:
        take(topic, message)
    except AffordanceGraspError as error:
        assert "\n" not in str(error)


STAMPS = st.integers(-(2**31), 2**31 - 1), st.integers(0, 10**9 - 1)


@PATIENT
@given(st.lists(st.tuples(*STAMPS), min_size=1, max_size=30), st.data())
def test_any_stamps_are_paired_within_limits_or_refused(stamps, data):
    one = Pairer(Losses(), 1, ahead=data.draw(st.booleans()))
    history, frames = JointHistory(NAMES), []
    for i, (sec, nanosec) in enumerate(stamps):
        message = image(0, np.zeros((1, 1), np.uint8), "mono8")
        message.header.stamp.sec, message.header.stamp.nanosec = sec, nanosec
        cdr = bytes(typestore().serialize_cdr(message, message.__msgtype__))
        header = read_header(RawMessage("/a", message.__msgtype__, i, cdr))
        said = joints(0, NAMES, (1.0, 2.0))
        said.header = message.header
        history.take(said, header.stamp_ns)
        try:
            one.take(data.draw(st.sampled_from((COLOR, DEPTH))), Stamped(header, i, i))
        except InvalidInput:
            continue
        frames += one.ready(i)
    frames += one.rest()
    assert all(0 <= frame.gap_ns <= 50_000_000 and frame.header.stamp_ns > 0 for frame in frames)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A whole recording in every storage; its metadata as plain values."""
    folder = tmp_path_factory.mktemp("recordings")
    for storage in ("MCAP", "SQLITE3"):
        with bag_writer(folder / storage, storage) as writer:
            for topic, message in MESSAGES.items():
                writer.write(topic, message, 0)
    with ros1_writer(folder / "old.bag") as writer:
        for topic, message in MESSAGES.items():
            writer.write(topic, message, 0)
    return folder


def read_all(path):
    """Frames of a recording, or the sentence that refuses it."""
    try:
        with Bag(path) as bag:
            source = FrameSource(bag, find_topics(bag.topics, TopicNames(), ""), ROBOT)
            return [frame.frame() for frame in source.frames()]
    except AffordanceGraspError as error:
        assert "\n" not in str(error)
        return str(error)


def test_the_recordings_are_whole(recording):
    for name in ("MCAP", "SQLITE3", "old.bag"):
        assert len(read_all(recording / name)) == 1


@pytest.mark.parametrize("storage", ["MCAP", "SQLITE3"])
@PATIENT
@given(data=st.data())
def test_any_metadata_gives_the_frames_or_one_sentence(recording, storage, data):
    folder = recording / storage
    whole = yaml.safe_load((folder / "metadata.yaml").read_text())
    with TemporaryDirectory() as copy:
        for file in folder.iterdir():
            if file.suffix != ".yaml":
                Path(copy, file.name).symlink_to(file)
        content = yaml.safe_dump(changed(whole, data.draw)).encode()
        Path(copy, "metadata.yaml").write_bytes(data.draw(bytes_like(content)))
        read_all(Path(copy))


@pytest.mark.parametrize("name", ["MCAP/MCAP.mcap", "SQLITE3/SQLITE3.db3", "old.bag"])
@PATIENT
@given(data=st.data())
def test_any_file_gives_frames_or_one_sentence(recording, name, data):
    with TemporaryDirectory() as copy:
        path = Path(copy, Path(name).name)
        path.write_bytes(data.draw(bytes_like((recording / name).read_bytes())))
        read_all(path)


@PATIENT
@given(data=st.data())
def test_any_calibration_is_read_or_refused(tmp_path, data):
    path = tmp_path / "hand_eye.yaml"
    write_hand_eye(path, ROBOT.hand_eye)
    path.write_text(yaml.safe_dump(changed(yaml.safe_load(path.read_text()), data.draw)))
    try:
        T = load_hand_eye(path).T_tool0_cam
        np.testing.assert_allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-6)
        assert np.abs(T[:3, 3]).max() <= 2
    except InvalidInput as error:
        assert str(path) in str(error) and "\n" not in str(error)


VIEWS = [
    {"fx": 15, "fy": 15, "cx": 8, "cy": 6, "T_base_tool0": np.eye(4).tolist()},
    {"fx": 15, "fy": 15, "cx": 8, "cy": 6}
    | {"joint_positions_rad": dict.fromkeys(ROBOT.arm.joint_names, 0.0)},
]


@PATIENT
@given(data=st.data())
def test_any_view_is_read_or_refused(tmp_path, data):
    import cv2

    folder = tmp_path / "view"
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "color.png"), np.zeros((12, 16, 3), np.uint8))
    cv2.imwrite(str(folder / "depth.png"), np.full((12, 16), 500, np.uint16))
    content = changed(data.draw(st.sampled_from(VIEWS)), data.draw)
    (folder / "view.json").write_text(json.dumps(content))
    try:
        (view,) = read_views(tmp_path, ROBOT.arm)
        assert np.isfinite(view.T_base_tool0).all()
    except InvalidInput as error:
        assert "\n" not in str(error)


GRASP = {
    "position": [0.1, 0.2, 0.5],
    "quaternion_xyzw": [0, 0, 0, 1],
    "width_m": 0.02,
    "heat": 0.9,
    "quality": 0.5,
    "contact_uv": [3, 4],
}
RESULT = FrameResult(
    index=3,
    stamp_ns=10**18,
    bag_ns=10**18,
    kind=PLANNED,
    affordance="hold",
    peak_uv=(3, 4),
    grasps=[GRASP],
    rejected={"cold": 3},
    latency_ms={"total": 300.0},
    scores={"kld": 1.0, "sim": 0.5, "nss": 0.7},
    on_part=True,
    picture="frames/000003.jpg",
    lost={"unpaired": 1, "broken": 2, "first": "why"},
)
SUMMARY = {"query": "hold", "bag": "bag", "every": 1, "method": "plsp", "rule": "bands"}
RUN = {"topics": {}, "this_run": {"frames_per_s": 1.0}}
WHOLE = json.loads(json.dumps(asdict(RESULT)))


def report(path, line):
    """Whether results with such a line among them are reported, and not refused."""
    path.write_text("\n".join(json.dumps(each) for each in (WHOLE, line, WHOLE)) + "\n")
    try:
        summary = SUMMARY | tally(read_results(path)).summary() | RUN
        write_table(path.with_name("frames.csv"), read_results(path))
        write_page(path.with_name("report.html"), summary, path)
    except InvalidInput as error:
        assert str(path) in str(error) and "\n" not in str(error)
        return False
    return True


LIES = (None, True, -1, 1e308, float("nan"), "../../etc/passwd", [], [[]], {}, {"total": "x"})


@pytest.mark.parametrize("place", list(paths(WHOLE)), ids=str)
def test_a_lie_anywhere_in_a_result_is_reported_or_refused(tmp_path, place):
    *before, last = place
    for lie in LIES:
        line = json.loads(json.dumps(WHOLE))
        at = line
        for key in before:
            at = at[key]
        at[last] = lie
        report(tmp_path / "frames.jsonl", line)


def test_a_result_as_it_was_written_is_reported(tmp_path):
    assert report(tmp_path / "frames.jsonl", WHOLE)
    assert not report(tmp_path / "frames.jsonl", WHOLE | {"picture": "/etc/passwd"})
    assert not report(tmp_path / "frames.jsonl", WHOLE | {"grasps": [{"heat": 1}]})


@PATIENT
@given(data=st.data())
def test_any_results_are_reported_or_refused(tmp_path, data):
    report(tmp_path / "frames.jsonl", changed(WHOLE, data.draw))
