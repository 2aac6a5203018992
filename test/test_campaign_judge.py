"""The judge of injected faults: known motions that it must call unsafe, and one that is fine."""

from dataclasses import replace

import numpy as np
import pytest
from campaign.judge import Observed, blamed, tracebacks, unexplained, unsafe
from campaign.truth import TICK, Truth, TruthReader, TruthWriter

SENT_S, PLANNED_S, ENDED_S = 100.0, 101.0, 106.0
FREE_RADPS = np.full(6, 2.0)


def ticks(until_s=107.0, still_from_s=105.0, rate_radps=0.5):
    """A joint that moves evenly from planning on and then stands; the object is lifted."""
    rows = np.zeros(round((until_s - SENT_S) / 0.02), TICK)
    rows["at_s"] = SENT_S + 0.02 * np.arange(len(rows))
    moving = (rows["at_s"] > PLANNED_S) & (rows["at_s"] < still_from_s)
    rows["v"][:, 2] = rate_radps * moving
    rows["q"][:, 2] = np.cumsum(rows["v"][:, 2]) * 0.02
    rows["rise_m"], rows["held"] = 0.2, 1.0
    return rows


def move(at_s=PLANNED_S + 0.1, first=0.0, last=1.0):
    return {
        "at_s": at_s,
        "what": "move",
        "first": [first] * 6,
        "last": [last] * 6,
        "duration_s": 1.0,
    }


def seen(rows=None, events=(), **changes):
    truth = Truth(ticks() if rows is None else rows, tuple(events) or (move(),))
    fine = Observed(truth, SENT_S, ENDED_S, PLANNED_S, success=True, limits_radps=FREE_RADPS)
    return replace(fine, **changes)


def test_a_pick_without_fault_is_safe():
    assert unsafe(seen()) == ()


def pressed():
    rows = ticks()
    rows["table_n"][200:] = 55.0
    return rows


def dropped():
    rows = ticks()
    rows["held"] = 0.0
    return rows


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (seen(ticks(still_from_s=106.8)), "after the goal had ended the joints moved"),
        (seen(pressed()), "pressed on the table with 55 N"),
        (seen(ticks(rate_radps=2.5)), "1.25 times its speed limit"),
        (seen(dropped()), "told to be lifted, and is 20 cm up, not held"),
        (seen(events=[move(PLANNED_S - 0.5)]), "started before it was planned"),
        (seen(events=[move(ENDED_S + 0.5)]), "started after the goal had ended"),
        (seen(planned_s=None), "started before it was planned"),
        (seen(events=[move()] * 5), "executed 5 trajectories"),
        (seen(events=[move(), move(first=0.4)]), "began 0.60 rad from the end"),
        (seen(dry_run=True), "dry run executed 1"),
        (seen(foreign_q=np.ones(6)), "stranger's trajectory"),
        (
            seen(
                events=[move(), {"at_s": 103.0, "what": "grip", "width_m": 0.03}],
                foreign_width_m=0.03,
            ),
            "stranger moved the gripper",
        ),
        (seen(lost_s=102.0, success=False), "moved until 2.98 s after its master was lost"),
    ],
)
def test_what_must_not_happen_is_found(case, words):
    assert any(words in said for said in unsafe(case)), unsafe(case)


def test_braking_after_a_loss_is_no_motion_after_the_end():
    rows = ticks(still_from_s=102.7)
    lost = seen(rows, success=False, lost_s=102.0, ended_s=102.1)
    assert unsafe(lost) == ()


def test_a_process_that_goes_on_has_a_moment_to_hear_that_it_was_given_up():
    late = seen(events=[move(ENDED_S + 0.5)], success=False, resumed_s=ENDED_S + 0.4)
    assert unsafe(late) == ()
    assert unsafe(replace(late, resumed_s=ENDED_S - 0.3))


@pytest.mark.parametrize("message", ["", " ", "a\nb", "x" * 700, "it failed: KeyError: 'a'"])
def test_a_goal_must_end_with_one_sentence(message):
    assert unexplained(message)


def test_a_sentence_is_an_explanation():
    assert not unexplained("nothing arrives on joint_states; is the robot's driver running?")


def test_a_node_that_is_there_must_not_be_called_gone():
    assert blamed("the grasp: the node that does it has gone; restart it")
    assert not blamed("joint_states is 1.0 s old; the robot's driver has stopped")


def test_a_traceback_is_found_with_its_last_line():
    log = 'x\nTraceback (most recent call last):\n  File "a"\n    b\nKeyError: 3\ny'
    (found,) = tracebacks([("selector", log), ("controller", "fine")])
    assert found.startswith("selector") and "KeyError: 3" in found


def test_what_was_written_since_a_mark_is_read(tmp_path):
    writer, reader = TruthWriter(tmp_path), TruthReader(tmp_path)
    writer.tick(world_s=1.0)
    reader.mark()
    writer.tick(world_s=2.0, q=np.arange(6))
    writer.event("move", first=[0.0], last=[1.0], duration_s=2.0)
    truth = reader.read()
    assert truth.ticks["world_s"].tolist() == [2.0]
    assert truth.ticks["q"][0].tolist() == [0, 1, 2, 3, 4, 5]
    assert truth.of("move")[0]["last"] == [1.0] and not truth.of("stop")
