"""A bag that is written is the bag that is read."""

import numpy as np
import pytest
from plain_objects import part_masks
from tabletop import Block, tabletop

from affordance_grasp.control.robot import load_robot
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.replay.bags.bag import Bag
from affordance_grasp.replay.bags.decoding import decode_frame, decode_truth
from affordance_grasp.replay.bags.recorder import STORAGES, BagRecorder
from affordance_grasp.replay.bags.topics import find_topics
from affordance_grasp.replay.bags.world_recorder import record_joints
from affordance_grasp.replay.options import TopicNames
from affordance_grasp.replay.source import FrameSource
from affordance_grasp.simulation.dataset.functional_parts import serving_parts

FRAME = tabletop(Block(0, 0, (0.2, 0.025, 0.02)))
MASK = FRAME.depth_m < 0.45
START_NS = 1_700_000_000_000_000_000


def read(path, affordance="hold"):
    robot = load_robot()
    with Bag(path) as bag:
        topics = find_topics(bag.topics, TopicNames(), affordance)
        return list(FrameSource(bag, topics, robot).frames()), topics, robot


@pytest.mark.parametrize("storage", STORAGES)
def test_what_was_recorded_is_replayed(tmp_path, storage):
    robot = load_robot()
    with BagRecorder(tmp_path / "bag", storage, prefix="/cell/") as recorder:
        for i in range(3):
            now = START_NS + i * 10**8
            recorder.joints(now, robot.arm.joint_names, robot.home_q + 0.01 * i)
            recorder.frame(now, FRAME, robot.hand_eye.camera_frame, {"hold": MASK})
    frames, topics, robot = read(tmp_path / "bag")
    assert topics.color == "/cell/color/image_raw"
    assert [f.raw.header.stamp_ns for f in frames] == [START_NS + i * 10**8 for i in range(3)]
    back = decode_frame(frames[1].raw)
    np.testing.assert_array_equal(back.color, FRAME.color)
    np.testing.assert_allclose(back.depth_m, FRAME.depth_m, atol=0.00051)
    assert back.intrinsics == FRAME.intrinsics
    np.testing.assert_array_equal(decode_truth(frames[1].raw, back) > 0, MASK)
    np.testing.assert_allclose(frames[1].view.T_base_cam, robot.T_base_cam(robot.home_q + 0.01))


def test_a_bag_is_never_overwritten(tmp_path):
    (tmp_path / "bag").mkdir()
    with pytest.raises(InvalidInput, match="exists already"):
        BagRecorder(tmp_path / "bag")
    with pytest.raises(UnknownName, match="unknown bag storage 'tape'; known: mcap, sqlite3"):
        BagRecorder(tmp_path / "other", "tape")
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be written|exists already"):
        BagRecorder(tmp_path / "file" / "bag")


def test_the_simulation_records_where_the_parts_are(tmp_path):
    from affordance_grasp.simulation.cell.placement import random_placement
    from affordance_grasp.simulation.cell.world import World
    from affordance_grasp.simulation.objects import make_object

    robot = load_robot()
    with World(robot, make_object("mug", 0), random_placement(0)) as world:
        recorder = BagRecorder(tmp_path / "bag")
        record_joints(recorder, world, START_NS)
        frame = world.observe()
        masks = part_masks(world, serving_parts("mug"))
        recorder.frame(START_NS, frame, robot.hand_eye.camera_frame, masks)
        recorder.close()
        handle, rim = part_masks(world, {"handle": ["handle"], "rim": ["rim"]}).values()
        T_base_cam = world.T_base_cam
    for affordance, mask in (("hold", handle), ("sip", rim)):
        frames, _, _ = read(tmp_path / "bag", affordance)
        truth = decode_truth(frames[0].raw, decode_frame(frames[0].raw))
        np.testing.assert_array_equal(truth > 0, mask)
    np.testing.assert_allclose(frames[0].view.T_base_cam, T_base_cam, atol=2e-3)
