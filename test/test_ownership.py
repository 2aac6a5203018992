"""One client at a time is served, as long as its heart beats."""

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from affordance_grasp.nodes.ros import heartbeats as module
from affordance_grasp.nodes.ros import ownership
from affordance_grasp.nodes.ros.calls import NoAnswer, Refused
from affordance_grasp.nodes.ros.ownership import NOBODY, RESTS, Lease, Owner, wanting

ANN, BOB = wanting(b"ann's id and more"), wanting(b"bob's id and more")
ANNS, BOBS = ANN[:8] + b"goal one", BOB[:8] + b"goal one"


class Wire:
    """As much of heartbeats as both sides use; beats are passed on when a test says so."""

    def __init__(self):
        self.heard, self.live, self.sent = {}, {}, {}

    def hear(self, topic, take, live):
        self.heard[topic], self.live[topic] = take, live

    def send(self, topic, beat):
        self.sent[topic] = beat

    def sent_by_another(self, topic):
        return topic in self.sent


@pytest.fixture
def clock(monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now_s[0])
    monkeypatch.setattr(ownership, "monotonic", lambda: now_s[0])
    return now_s


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def owner(clock, wire):
    return Owner(wire, "robot")


@pytest.fixture
def later(clock, wire):
    """Let time pass [s], in which the server's own heart goes on beating."""

    def later(duration_s):
        end = clock[0] + duration_s
        while clock[0] < end:
            clock[0] = min(clock[0] + module.PERIOD_S, end)
            wire.sent["robot/_server"]()

    return later


def die(owner):
    """Of the owner, as DDS tells it."""
    owner._pulse.live(False)


def serve(owner, goal_id):
    with owner.serving(goal_id):
        return True


def test_a_server_without_an_owner_serves_whoever_comes_one_at_a_time(owner):
    with owner.serving(ANNS):
        with pytest.raises(Refused, match="robot serves another client; cancel its goal"):
            serve(owner, BOBS)
        assert serve(owner, ANN[:8] + b"goal two"), "the same client may ask for more at once"
    assert serve(owner, BOBS)


def test_between_its_goals_an_owner_keeps_others_off_until_it_rests(owner):
    owner.hear(ANN)
    owner.hear(BOB[:8] + RESTS)
    assert owner.current == ANN
    owner.hear(ANN[:8] + RESTS)
    assert owner.current == NOBODY and serve(owner, BOBS)


def test_an_owner_whose_process_lives_may_be_late_but_not_hang(owner, later):
    owner.hear(ANN)
    later(module.HANG_S - 0.01)
    assert owner.current == ANN and not owner.lost(ANNS)
    later(0.02)
    assert owner.current == NOBODY and owner.lost(ANNS)


def test_between_its_goals_an_owner_keeps_others_off_until_it_dies(owner, later):
    die(owner)
    owner.hear(ANN)
    assert owner.current == ANN and serve(owner, ANNS)
    with pytest.raises(Refused):
        serve(owner, BOBS)
    owner.hear(BOB)
    assert owner.current == ANN
    later(module.LEASE_S + 0.01)
    assert owner.current == NOBODY and serve(owner, BOBS)
    owner.hear(BOB)
    assert owner.current == BOB


def test_a_goal_is_lost_when_the_heart_of_its_client_stops(owner, later):
    owner.hear(ANN)
    die(owner)
    with owner.serving(ANNS):
        later(module.LEASE_S - 0.01)
        assert not owner.lost(ANNS)
        later(0.02)
        assert owner.lost(ANNS)
        owner.hear(BOB)
        assert owner.lost(ANNS), "nobody takes over what is still being ended"


def test_a_client_without_a_heart_is_served_to_the_end(owner, later):
    with owner.serving(ANNS):
        owner.hear(BOB)
        later(10)
        assert not owner.lost(ANNS) and owner.current == NOBODY


def test_a_goal_is_lost_when_its_client_rests(owner):
    owner.hear(ANN)
    with owner.serving(ANNS):
        owner.hear(ANN[:8] + RESTS)
        assert owner.lost(ANNS)
    owner.hear(ANN)
    assert not owner.lost(ANN[:8] + b"goal two")


@pytest.mark.parametrize(("says", "lost"), [(ANN, False), (ANN[:8] + RESTS, True)])
def test_a_server_that_stood_still_believes_only_what_is_said_after_it(owner, clock, says, lost):
    owner.hear(ANN)
    clock[0] += module.LEASE_S + 0.01

    heard = iter([ANN, says])  # the first was sent before its client gave it up, and is read late

    def wait(timeout_s):
        owner.hear(next(heard))
        clock[0] += ownership.STALE_S
        owner._told_s = clock[0]

    owner._news.wait = wait
    assert owner.lost(ANNS) is lost
    assert next(heard, None) is None, "it was not believed at once"


def test_a_server_that_stood_still_does_not_wait_for_a_client_that_is_gone(owner, clock):
    owner.hear(ANN)
    clock[0] += module.LEASE_S + 0.01
    waited = []

    def wait(timeout_s):
        clock[0] += timeout_s
        waited.append(timeout_s)

    owner._news.wait = wait
    assert owner.lost(ANNS)
    assert sum(waited) <= 3 * ownership.STALE_S + module.PERIOD_S


class Pair:
    """A lease that hears what the test lets the server say."""

    def __init__(self):
        self.wire = Wire()
        self.lease = Lease(self.wire, "robot")
        self.wire.send("robot/_server", lambda: NOBODY)

    def say(self, owner):
        self.wire.heard["robot/_server"](owner)

    @property
    def beat(self):
        return self.wire.sent["robot/_client"]()


def test_a_lease_is_held_once_the_server_names_its_client(monkeypatch):
    pair = Pair()
    resting = pair.beat
    assert resting[8:] == RESTS
    wait_for = pair.lease._news.wait_for

    def echo(reached, timeout_s):
        pair.say(pair.beat)
        return wait_for(reached, timeout_s)

    monkeypatch.setattr(pair.lease._news, "wait_for", echo)
    pair.lease.hold(0.0, "it")
    assert pair.beat == wanting(resting) == wanting(bytes(pair.lease.goal_id().uuid))
    pair.lease.release()
    assert pair.beat == resting


def test_a_lease_is_refused_where_another_client_is_served():
    pair = Pair()
    pair.say(BOB)
    with pytest.raises(Refused, match="it: robot serves another client; try again later"):
        pair.lease.hold(0.0, "it")


def test_a_silent_server_is_said():
    with pytest.raises(NoAnswer, match="it: robot is silent; is its node running"):
        Pair().lease.hold(0.0, "it")


def test_who_does_not_own_a_server_awaits_its_heart_before_he_listens_to_it(clock):
    wire = Wire()
    wire.send("grasp/_server", lambda: NOBODY)
    lease = Lease(wire, "grasp", owns=False)
    assert "grasp/_client" not in wire.sent
    with pytest.raises(NoAnswer, match="grasp is silent"):
        lease.hold(0.0, "it")
    wire.heard["grasp/_server"](BOB)
    lease.hold(0.0, "it")
    clock[0] += 10
    with pytest.raises(NoAnswer):  # killed, and its successor is not heard yet
        lease.hold(0.0, "it")


def test_who_moves_nothing_waits_longer_before_he_calls_a_server_gone(clock):
    wire = Wire()
    lease = Lease(wire, "grasp", owns=False)
    wire.heard["grasp/_server"](BOB)
    wire.live["grasp/_server"](False)
    clock[0] += module.WATCH_S - 0.01
    assert not lease.lost(), "a busy machine may silence a living process for longer than LEASE_S"
    clock[0] += 0.02
    assert lease.lost()


def test_a_server_of_another_package_cannot_be_owned_nor_lost(clock):
    lease = Lease(Wire(), "robot")
    lease.hold(0.0, "it")
    clock[0] += 100
    assert not lease.lost()


def test_a_server_that_falls_silent_is_lost(clock):
    pair = Pair()
    pair.say(NOBODY)
    assert not pair.lease.lost()
    clock[0] += module.LEASE_S + 0.01
    assert not pair.lease.lost(), "it may be late where its process lives"
    pair.wire.live["robot/_server"](False)
    assert pair.lease.lost()
