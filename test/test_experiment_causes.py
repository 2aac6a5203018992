import pytest

from affordance_grasp.control.gripper import Hold
from affordance_grasp.control.motion.execution import PickExecution
from affordance_grasp.datatypes import Reason
from affordance_grasp.experiment.causes import Cause, unplanned, unsuccessful
from affordance_grasp.simulation.cell.outcome import PickOutcome

HELD = {"lifted": True, "height_m": 0.2, "held": True, "parts_held": ("handle",)}
ON_TABLE = {"lifted": False, "height_m": 0.0, "held": False, "parts_held": ()}
REST = {"dropped": False, "width_m": 0.02, "table_force_n": 0.0}


@pytest.mark.parametrize(
    ("rejected", "cause"),
    [
        ({}, Cause.NO_CANDIDATE),
        ({Reason.TABLE: 9, Reason.OFF_IMAGE: 2}, Cause.NO_CANDIDATE),
        ({Reason.TABLE: 9, Reason.COLD: 1}, Cause.COLD),
        ({Reason.COLD: 90, Reason.PATH: 1, Reason.JOINT_LIMIT: 1}, Cause.NO_IK),
        ({Reason.COLD: 90, Reason.NO_IK: 2, Reason.OBSTACLE: 3}, Cause.OBSTACLE),
    ],
)
def test_the_candidates_that_came_farthest_tell_why_there_is_no_grasp(rejected, cause):
    assert unplanned(rejected) is cause


@pytest.mark.parametrize(
    ("outcome", "closed", "aimed_at", "cause"),
    [
        (HELD, Hold.HELD, "object/handle", Cause.NONE),
        ({**HELD, "parts_held": ("body", "handle")}, Hold.HELD, "object/body", Cause.WRONG_PART),
        ({**ON_TABLE, "held_neighbour": True}, Hold.HELD, "object/body", Cause.WRONG_OBJECT),
        (ON_TABLE, Hold.EMPTY, "neighbour1/handle", Cause.WRONG_OBJECT),
        ({**ON_TABLE, "met_neighbours": ("pad",)}, Hold.EMPTY, "object/rim", Cause.COLLIDED),
        ({**ON_TABLE, "table_force_n": 60.0}, Hold.EMPTY, "object/rim", Cause.COLLIDED),
        (ON_TABLE, Hold.EMPTY, "object/handle", Cause.MISSED),
        (ON_TABLE, Hold.HELD, "object/handle", Cause.SLIPPED),
        ({**HELD, "held": False}, Hold.HELD, "", Cause.SLIPPED),
    ],
)
def test_what_the_pick_came_to_tells_why_it_failed(outcome, closed, aimed_at, cause):
    execution = PickExecution(Hold.HELD, 0.02, closed, 0.02)
    judged = PickOutcome(**{**REST, **outcome})
    assert unsuccessful(judged, execution, ("handle",), aimed_at) is cause
