"""Images are drawn beside the world and never hold it up."""

from threading import Event

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.simulation.cell.render_thread import ImageFeed, RenderThread

WAIT_S = 60.0


class Observer:
    """Notes when it is closed."""

    def __init__(self):
        self.closed = Event()

    def close(self):
        self.closed.set()


class World:
    """Something whose state is a number that grows with every copy."""

    def __init__(self):
        self.seen_by, self.copies = Observer(), 0

    def observer(self):
        return self.seen_by

    def state(self):
        self.copies += 1
        return self.copies


class Pictures:
    """One image that is drawn when it may; notes what of."""

    def __init__(self, rate_hz=1e6):
        self.may_end, self.drawn = Event(), []
        self.wanted, self._count = True, Event()
        self.picture = ImageFeed(rate_hz, lambda: self.wanted, self._draw)

    def _draw(self, observer, moment):
        assert self.may_end.wait(WAIT_S)
        self.drawn.append((observer, moment.state, moment.stamp_ns))
        self._count.set()

    def await_one(self):
        assert self._count.wait(WAIT_S)
        self._count.clear()


@pytest.fixture
def start():
    drawings, all_pictures = [], []

    def start(pictures):
        drawings.append(RenderThread([pictures.picture], lambda: 7))
        all_pictures.append(pictures)
        return drawings[-1]

    yield start
    for pictures in all_pictures:
        pictures.may_end.set()
    for drawing in drawings:
        drawing.close()
        assert not drawing.alive


def offered_until_drawn(drawing, world, pictures):
    """Offer as a world does, tick by tick."""
    while not pictures._count.wait(0.001):
        drawing.offer(world)
    pictures.await_one()


def test_the_world_goes_on_while_it_is_drawn_and_is_not_copied_again(start):
    pictures, world = Pictures(), World()
    drawing = start(pictures)
    for _ in range(10):
        drawing.offer(world)
    assert world.copies == 1 and not pictures.drawn
    pictures.may_end.set()
    pictures.await_one()
    assert pictures.drawn == [(world.seen_by, 1, 7)]


def test_nothing_is_copied_for_images_that_nobody_wants_or_that_are_not_due(start):
    unwanted, world = Pictures(), World()
    unwanted.wanted = False
    start(unwanted).offer(world)
    assert world.copies == 0
    seldom = Pictures(rate_hz=1e-3)
    seldom.may_end.set()
    drawing = start(seldom)
    offered_until_drawn(drawing, world, seldom)
    for _ in range(10):
        drawing.offer(world)
    assert world.copies == 1


def test_another_world_gets_an_observer_of_its_own(start):
    pictures, old, new = Pictures(), World(), World()
    pictures.may_end.set()
    drawing = start(pictures)
    offered_until_drawn(drawing, old, pictures)
    offered_until_drawn(drawing, new, pictures)
    assert old.seen_by.closed.is_set() and not new.seen_by.closed.is_set()
    assert pictures.drawn[-1][0] is new.seen_by
    drawing.close()
    assert new.seen_by.closed.is_set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_while_drawing_is_seen(start):
    def broken(observer, moment):
        raise RuntimeError("no OpenGL")

    drawing = RenderThread([ImageFeed(1e6, lambda: True, broken)], lambda: 0)
    drawing.offer(World())
    drawing._thread.join(WAIT_S)
    assert not drawing.alive
