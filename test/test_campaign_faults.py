"""The draw of injected faults."""

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from campaign.cell import CAMERA
from campaign.faults import CAMERA_FAULTS, KINDS, STAGES, cells, draw
from campaign.injection import FAMILIES
from campaign.trial import QUERIES

from affordance_grasp.control.motion.execution import STAGES as PICK


def test_every_seed_of_a_round_has_another_fault_and_stage():
    every = {(draw(seed).kind, draw(seed).stage) for seed in range(len(cells()))}
    assert len(every) == len(cells()) > 400
    assert every == {(kind, stage) for kind, stages in KINDS.items() for stage in stages}


def test_a_seed_is_the_same_case_each_time_and_another_attempt_another_place():
    assert draw(17) == draw(17)
    again = draw(17, 1)
    assert (again.kind, again.stage) == (draw(17).kind, draw(17).stage)
    assert (again.object, again.pose) != (draw(17).object, draw(17).pose)


def test_stages_are_those_of_a_pick_and_every_fault_can_be_injected():
    assert {stage for stages in KINDS.values() for stage in stages} <= set(STAGES)
    assert set(PICK) <= set(STAGES)
    assert {draw(seed).family for seed in range(len(cells()))} == set(FAMILIES)
    assert set(CAMERA) == set(CAMERA_FAULTS)
    assert {kind.split()[1] for kind in KINDS if kind.startswith("query")} == set(QUERIES)
