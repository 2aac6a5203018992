"""The world in its own thread: questions, motions, another world, faults."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.errors import MotionFault
from affordance_grasp.simulation.cell.live_world import LiveWorld


class Still:
    """A world in which only time passes."""

    def __init__(self):
        self.time_s, self.closed = 0.0, False

    def step(self, duration_s):
        self.time_s += duration_s

    def close(self):
        self.closed = True


@pytest.fixture
def live():
    live = LiveWorld(Still, lambda world: None, speed=20.0)
    yield live
    live.close()


def test_a_motion_ends_when_the_world_says_so(live):
    motion = live.start(lambda world: None, lambda world: world.time_s > 0.2)
    assert motion.wait(5.0)


def test_a_motion_of_a_world_that_is_replaced_ends_with_a_fault(live):
    old = live.ask(lambda world: world)
    motion = live.start(lambda world: None, lambda world: False)
    live.replace(Still)
    with pytest.raises(MotionFault, match="reset during the motion"):
        motion.wait(5.0)
    assert old.closed and live.ask(lambda world: world) is not old


def test_a_world_that_cannot_be_made_leaves_the_old_and_its_motions(live):
    old = live.ask(lambda world: world)
    motion = live.start(lambda world: None, lambda world: world.time_s > 0.2)
    with pytest.raises(ZeroDivisionError):
        live.replace(lambda: 1 / 0)
    assert live.ask(lambda world: world) is old
    assert motion.wait(5.0)


def test_a_motion_that_may_not_begin_is_refused_and_not_watched(live):
    def refuse(world):
        raise MotionFault("not now")

    with pytest.raises(MotionFault, match="not now"):
        live.start(refuse, lambda world: False)
    assert live.ask(lambda world: len(live._motions)) == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_after_a_fault_of_the_world_every_question_is_answered(live):
    def broken(duration_s):
        raise RuntimeError("physics")

    live.ask(lambda world: SimpleNamespace(x=setattr(world, "step", broken)))
    live._thread.join(5.0)
    assert not live.alive
    with pytest.raises(MotionFault, match="simulation has stopped"):
        live.ask(lambda world: world.time_s)
