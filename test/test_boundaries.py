"""Whatever comes from outside is a valid value or one sentence: never a traceback.

Half of the inputs are anything, half are valid ones of which something was changed. The same few
are drawn each time; with ``HYPOTHESIS_PROFILE=long`` thousands of others.
"""

import json
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from io import BytesIO, StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from unittest.mock import patch

import msgpack
import numpy as np
import pytest
import yaml
from campaign.mutations import changed
from campaign.specimens import write_robot
from grasp_answers import GRIPPER, scene
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from affordance_grasp.array_files import parse_array
from affordance_grasp.candidates.external.conventions import find_convention
from affordance_grasp.candidates.external.conversion import GraspConversion
from affordance_grasp.candidates.external.exchange import (
    grasps_content,
    read_grasp_group,
    read_grasps_json,
)
from affordance_grasp.candidates.external.external_grasps import external_grasps
from affordance_grasp.cli import COMMANDS, command_module, main
from affordance_grasp.configuration.documents import parse_json, parse_yaml
from affordance_grasp.configuration.read import build
from affordance_grasp.control.arm.urdf import parse_urdf, read_arm
from affordance_grasp.control.camera_mounting import load_hand_eye
from affordance_grasp.control.four_bar import FourBar
from affordance_grasp.control.prismatic import Prismatic
from affordance_grasp.control.robot import RobotSettings, load_robot
from affordance_grasp.control.robot_description import within_description, without_camera
from affordance_grasp.datatypes import CameraIntrinsics, Region
from affordance_grasp.errors import LONGEST_SENTENCE, AffordanceGraspError
from affordance_grasp.external.packing import pack, unpack
from affordance_grasp.image_files import image_size, read_color, read_depth, read_gray
from affordance_grasp.query.request import read_request
from affordance_grasp.query.vocabulary import known_affordances, load_vocabulary
from affordance_grasp.replay.bags import decoding
from affordance_grasp.scene.cloud_files import read_cloud
from affordance_grasp.scene.point_cloud import PointCloud, cloud_frame, virtual_pinhole
from affordance_grasp.share import share_path
from affordance_grasp.streams import messages
from affordance_grasp.streams.camera_info import to_distortion, to_intrinsics

pytestmark = pytest.mark.filterwarnings("error")

ROBOT = load_robot()
SEEDS = st.integers(0, 2**32 - 1)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
FLOATS = st.floats() | st.sampled_from([0.0, 1.0, 615.0, 320.0, 240.0])
SIDES = st.sampled_from([0, 1, 2, 7, 64, 640, 8192, 8193, 2**31]) | st.integers(0, 2**32 - 1)


def sound(read, *given_values):
    """What a reader gives, or None where it refuses with one printable sentence."""
    try:
        return read(*given_values)
    except AffordanceGraspError as error:
        sentence = str(error)
        assert sentence and sentence.isprintable() and len(sentence) <= LONGEST_SENTENCE + 10
        return None


def changes_of(content, suffix):
    """Anything, or the content with a change."""
    rng = np.random.default_rng
    return st.binary(max_size=300) | SEEDS.map(lambda seed: changed(content, suffix, rng(seed))[1])


def texts_of(name):
    return changes_of(share_path(name).read_bytes(), "." + name.rpartition(".")[2])


@given(texts_of("config/aubo_i5.yaml") | texts_of("config/train_plsp.yaml"))
def test_yaml(text):
    content = sound(parse_yaml, text, "it")
    json.dumps(content, ensure_ascii=False).encode()


@given(changes_of(json.dumps({"a": [1, {"b": None}], "c": "x"}).encode(), ".json"))
def test_json(text):
    json.dumps(sound(parse_json, text, "it"), ensure_ascii=False).encode()


@given(PLAIN)
def test_yaml_and_json_agree_with_what_was_written(value):
    text = json.dumps(value)
    ours = sound(parse_json, text, "it")
    assert ours is None or json.dumps(ours) == text
    theirs = sound(parse_yaml, yaml.safe_dump(ours, allow_unicode=True).encode(), "it")
    assert theirs is None or sound(parse_json, json.dumps(theirs), "it") is not None


SETTINGS = {
    RobotSettings: "config/aubo_i5.yaml",
    FourBar: "config/gripper_2f85.yaml",
    Prismatic: "config/gripper_hande.yaml",
}


@given(st.sampled_from(list(SETTINGS)), st.data())
def test_settings(kind, data):
    name = SETTINGS[kind]
    values = yaml.safe_load(share_path(name).read_text())
    values.pop("kind", None)
    for key in data.draw(st.lists(st.sampled_from(sorted(values)), max_size=3)):
        values[key] = data.draw(PLAIN)
    settings = sound(build, kind, values, name)
    assert settings is None or isinstance(settings, kind)


@given(
    st.sampled_from(["robot.yaml", "gripper.yaml", "hand_eye.yaml", "arm.urdf"]),
    SEEDS,
)
def test_robot_files(name, seed):
    with TemporaryDirectory() as folder:
        write_robot(Path(folder))
        path = Path(folder) / name
        path.write_bytes(changed(path.read_bytes(), path.suffix, np.random.default_rng(seed))[1])
        robot = sound(load_robot, Path(folder) / "robot.yaml")
        assert robot is None or np.isfinite(robot.T_base_cam(robot.home_q)).all()
        sound(load_hand_eye, Path(folder) / "hand_eye.yaml")


@given(texts_of("urdf/aubo_i5_2f85.urdf"))
def test_urdf(text):
    root = sound(parse_urdf, text, "it")
    arm = None if root is None else sound(read_arm, root, "it", "base_link", "tool0")
    assert arm is None or np.isfinite(arm.T_parent_joint).all()
    described = text.decode(errors="replace")
    sound(without_camera, described)
    robot = sound(within_description, ROBOT, described)
    assert robot is None or (robot.arm.lower < robot.arm.upper).all()


@given(st.text() | st.text("nothold teblacu,.'-\n", max_size=60))
def test_queries(text):
    request = read_request(text, load_vocabulary())
    assert request.affordance in (None, *known_affordances())
    assert request.affordance not in request.negated


def images(form, dtype, shape):
    from PIL import Image

    file = BytesIO()
    Image.fromarray(np.arange(np.prod(shape)).reshape(shape).astype(dtype)).save(file, form)
    return changes_of(file.getvalue(), ".png" if form == "PNG" else ".bin")


@given(
    images("PNG", np.uint8, (9, 7, 3))
    | images("PNG", np.uint16, (9, 7))
    | images("TIFF", np.float32, (9, 7))
    | images("JPEG", np.uint8, (9, 7))
    | images("WEBP", np.uint8, (9, 7, 3))
)
def test_images(encoded):
    color, gray, depth = (sound(read, encoded) for read in (read_color, read_gray, read_depth))
    assert color is None or (color.ndim == 3 and color.dtype == np.uint8)
    assert gray is None or (gray.ndim == 2 and gray.dtype == np.uint8)
    assert depth is None or depth.dtype == np.float32
    size = sound(image_size, encoded)
    assert color is None or size == color.shape[1::-1]


@given(st.lists(FLOATS, min_size=4, max_size=4), SIDES, SIDES)
def test_intrinsics(numbers, width, height):
    camera = sound(CameraIntrinsics, *numbers, width, height)
    assert camera is None or np.isfinite(np.linalg.inv(camera.K)).all()


@given(
    st.lists(FLOATS, min_size=4, max_size=4),
    st.lists(SIDES, min_size=8, max_size=8),
    st.lists(FLOATS, max_size=14),
)
def test_camera_info(k, wholes, d):
    fx, fy, cx, cy = k
    width, height, x, y, w, h, bx, by = wholes
    message = SimpleNamespace(
        **{"width": width, "height": height, "k": [fx, 0, cx, 0, fy, cy, 0, 0, 1], "p": k * 3},
        **{"distortion_model": "plumb_bob", "d": d, "binning_x": bx, "binning_y": by},
        roi=SimpleNamespace(x_offset=x, y_offset=y, width=w, height=h),
    )
    for rectified in (False, True):
        camera = sound(to_intrinsics, message, None, rectified)
        assert camera is None or np.isfinite(camera.K).all()
        sound(to_distortion, message, rectified)


HEADER = SimpleNamespace(stamp=SimpleNamespace(sec=0, nanosec=0), frame_id="camera")


@given(
    st.lists(SIDES, min_size=3, max_size=3),
    st.sampled_from([*messages.COLOR_ENCODINGS, *messages.DEPTH_ENCODINGS, "mono8", "yuv422", ""]),
    st.integers(0, 1),
    st.binary(max_size=200) | st.integers(0, 5000).map(bytes),
)
def test_image_messages(wholes, encoding, is_bigendian, data):
    width, height, step = wholes
    message = SimpleNamespace(
        header=HEADER,
        **{"width": width, "height": height, "step": step, "encoding": encoding},
        is_bigendian=is_bigendian,
        data=data,
    )
    color, depth_m = sound(messages.to_color, message), sound(messages.to_depth_m, message)
    assert color is None or color.shape == (height, width, 3)
    assert depth_m is None or (np.isfinite(depth_m).all() and (depth_m >= 0).all())
    assert (values := sound(messages.to_map, message)) is None or np.isfinite(values).all()
    sound(messages.to_gray, message)


FORMATS = ["rgb8; jpeg compressed bgr8", "16UC1; compressedDepth png", "32FC1; compressedDepth"]


@given(
    st.sampled_from([*FORMATS, "16UC1; compressedDepth rvl", "32FC1; png", ""]) | st.text(),
    st.binary(min_size=12, max_size=12)
    | arrays(np.float32, 2, elements=st.floats(width=32)).map(lambda AB: bytes(4) + AB.tobytes())
    | st.just(b""),
    st.binary(max_size=100)
    | images("PNG", np.uint16, (9, 7))
    | images("PNG", np.uint8, (9, 7, 3))
    | images("JPEG", np.uint8, (9, 7)),
)
def test_compressed_image_messages(form, header, data):
    message = SimpleNamespace(header=HEADER, format=form, data=header + data)
    if (depth := sound(decoding.decompress_depth, message)) is not None:
        depth_m = sound(messages.to_depth_m, depth)
        assert depth_m is None or (np.isfinite(depth_m).all() and (depth_m >= 0).all())
    for decompress, read in (
        (decoding.decompress_color, messages.to_color),
        (decoding.decompress_map, messages.to_gray),
    ):
        plain = sound(decompress, message)
        assert plain is None or read(plain).dtype == np.uint8


@given(st.lists(FLOATS, min_size=7, max_size=7))
def test_poses(values):
    t, q = dict(zip("xyz", values, strict=False)), dict(zip("xyzw", values[3:], strict=False))
    message = SimpleNamespace(position=SimpleNamespace(**t), orientation=SimpleNamespace(**q))
    T = sound(messages.to_pose, message)
    assert T is None or np.isfinite(T).all()
    assert messages.to_poses([message]).shape == (1, 4, 4)


@given(st.lists(st.text(max_size=3)), st.lists(st.floats()))
def test_joint_states(names, positions):
    message = SimpleNamespace(name=names, position=positions)
    q = sound(messages.to_joint_positions, message, ("a", ""))
    assert q is None or np.isfinite(q).all()


@given(*(st.integers(-(2**31), 2**31),) * 4)
def test_regions(left, top, right, bottom):
    sound(Region, left, top, right, bottom)


def converted(grasps):
    """External grasps as candidates of this package."""
    conversion = GraspConversion(find_convention("tcp"), 0.0)
    candidates = sound(conversion.convert, grasps, scene()[1], GRIPPER)
    assert candidates is None or candidates.examined == grasps.proposed


ANSWER = json.dumps({"grasps": grasps_content(scene()[2])["grasps"][:3]}).encode()
ROWS = BytesIO()
np.save(ROWS, np.tile(np.r_[0.5, 0.06, 0.02, 0.02, np.eye(3).ravel(), 0, 0, 0.5, -1], (3, 1)))
POSES = scene()[2].T_cam_tcp[:3]
PACKED = pack({"grasps": POSES, "confidences": np.ones(3), "error": None})


@given(changes_of(ANSWER, ".json"))
def test_grasps_as_json(text):
    if found := sound(read_grasps_json, text, "test"):
        converted(found[0])


@given(changes_of(ROWS.getvalue(), ".npy") | changes_of(ROWS.getvalue(), ".json"))
def test_grasps_as_rows(encoded):
    array = sound(parse_array, encoded, "test")
    assert array is None or array.dtype.kind in "fiu"
    if found := sound(read_grasp_group, encoded, "test"):
        converted(found[0])


@given(changes_of(PACKED, ".bin") | PLAIN.map(lambda value: _packed({"grasps": value})))
def test_grasps_of_a_server(encoded):
    answer = sound(unpack, encoded, "test")
    if answer and "grasps" in answer:
        found = sound(external_grasps, answer["grasps"], "test", answer.get("confidences"))
        if found is not None:
            converted(found)


def _packed(value):
    try:
        return msgpack.packb(value)
    except (OverflowError, ValueError, UnicodeEncodeError):
        return b"\xc1"


WORDS = st.text(max_size=8) | FLOATS.map(str) | st.sampled_from(["hold", "0", "-1", "--", "@x"])


def options_of(command):
    """The options that a command tells of."""
    with redirect_stdout(StringIO()) as told, pytest.raises(SystemExit):
        main([command, "--help"])
    return [
        word.strip(",[]") for word in told.getvalue().split() if word.startswith(("--", "[--"))
    ]


@given(st.sampled_from(sorted(COMMANDS)), st.data())
def test_command_lines(command, data):
    """Up to the command itself, which has properties of its own."""
    module = import_module(command_module(command))
    words = data.draw(st.lists(WORDS | st.sampled_from(options_of(command)), max_size=6))
    run, told = patch.object(module, "run", return_value=0), StringIO()
    with run, redirect_stderr(told), redirect_stdout(StringIO()):
        try:
            code = main([command, *words])
        except SystemExit as ended:
            code = ended.code
    sentence = told.getvalue().strip()
    assert (code, sentence) == (0, "") or (code == 2 and sentence.isprintable())


@given(
    arrays(np.float32, st.tuples(st.integers(0, 30), st.just(3)), elements=st.floats(width=32)),
)
def test_clouds(points):
    cloud = PointCloud(points, np.zeros(points.shape, np.uint8))
    camera = sound(virtual_pinhole, cloud)
    if camera is not None:
        frame = cloud_frame(cloud, camera)
        assert np.isfinite(frame.depth_m).all()


PLY = b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\n"
PLY += b"property float z\nend_header\n0 0 1\n"


@given(text=changes_of(PLY, ".ply"))
def test_cloud_files(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "cloud.ply"
    path.write_bytes(text)
    cloud = sound(read_cloud, path)
    assert cloud is None or np.isfinite(cloud.points_cam).all()


@pytest.mark.parametrize("text", [b"", b"\xff", b"!!float x"])
def test_one_of_each_is_refused_and_a_valid_one_is_not(text):
    assert sound(parse_yaml, text, "it") is None
    assert sound(read_grasps_json, ANSWER, "test") is not None
    assert sound(read_grasp_group, ROWS.getvalue(), "test") is not None
    assert set(sound(unpack, PACKED, "test")) == {"grasps", "confidences", "error"}
