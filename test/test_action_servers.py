"""Many goals at once, and goals of a node that is being stopped, over DDS in one process."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic

import pytest

pytest.importorskip("rclpy", reason="no ROS 2 here: rclpy cannot be imported")

from action_msgs.msg import GoalStatus
from affordance_grasp.action import MoveGripper
from rclpy import action
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile
from spinning import ros

from affordance_grasp.nodes.ros import action_servers as module
from affordance_grasp.nodes.ros.action_servers import Actions, ExclusiveAction, Stages
from affordance_grasp.nodes.ros.calls import Refused, wait
from affordance_grasp.nodes.ros.goals import ActionClient, Goals
from affordance_grasp.nodes.ros.heartbeats import Heartbeats
from affordance_grasp.nodes.ros.ownership import Lease

WAIT_S = 60.0
CROWD = 50


class Bench:
    """A gripper that closes until it is told to stop, and a node that asks it."""

    def __init__(self, start):
        self.server, self.client = Node("gripper"), Node("asker")
        self.begun, self.finish, self.served = Event(), Event(), []
        self.hearts = [Heartbeats(node) for node in (self.server, self.client)]
        self.action = ExclusiveAction(
            self.server, self.hearts[0], MoveGripper, "move_gripper", self.work
        )
        start(self.server, self.client)

    def work(self, handle, result):
        self.served.append(bytes(handle.goal_id.uuid))
        self.begun.set()
        end = monotonic() + WAIT_S
        while not self.finish.wait(0.01):
            if why := self.action.unwanted(handle):
                raise Refused(why)
            assert monotonic() < end


@pytest.fixture
def bench():
    with ros() as start:
        bench = Bench(start)
        yield bench
        for heart in bench.hearts:
            heart.close()


def test_stages_are_timed_also_when_none_has_begun():
    stages = Stages(lambda stage: None)
    assert stages.timings_s() == {}
    stages("look")
    stages("decide")
    assert list(stages.timings_s()) == ["look", "decide"]


def test_of_fifty_goals_at_once_each_is_answered(bench):
    plenty = QoSProfile(depth=2 * CROWD)
    client = action.ActionClient(
        bench.client,
        MoveGripper,
        "move_gripper",
        callback_group=ReentrantCallbackGroup(),
        goal_service_qos_profile=plenty,
        result_service_qos_profile=plenty,
    )
    assert client.wait_for_server(WAIT_S)
    sent = [client.send_goal_async(MoveGripper.Goal()) for _ in range(CROWD)]
    handles = [wait(each, WAIT_S, "acceptance") for each in sent]
    results = [handle.get_result_async() for handle in handles]
    assert bench.begun.wait(WAIT_S)
    bench.finish.set()
    answers = [wait(each, WAIT_S, "result") for each in results]
    good = [each for each in answers if each.result.success]
    assert 1 <= len(good) == len(bench.served)
    for each in answers:
        assert each.result.success or "serves another client" in each.result.message


def owned(bench):
    return ActionClient(
        bench.client,
        MoveGripper,
        "move_gripper",
        Lease(bench.hearts[1], "move_gripper"),
        callback_group=ReentrantCallbackGroup(),
    )


def send(client, goals):
    goal = MoveGripper.Goal(width_m=0.02)
    return goals.run(client, goal, WAIT_S, "closing")


class Aside:
    """A call in a thread, and what came of it."""

    def __init__(self, act):
        self._future = ThreadPoolExecutor(1).submit(act)

    def outcome(self):
        return self._future.result(WAIT_S)


def test_a_server_is_matched_once_it_answers(bench):
    alone = ActionClient(bench.client, MoveGripper, "nowhere")
    assert not alone.await_matched(0.1)
    assert ActionClient(bench.client, MoveGripper, "move_gripper").await_matched(WAIT_S)
    assert not bench.served, "it is asked nothing that it would do"


def test_a_node_that_is_being_stopped_tells_its_client_first(bench):
    asked = Aside(lambda: send(owned(bench), Goals()))
    assert bench.begun.wait(WAIT_S)
    assert bench.action.leave()
    answer = asked.outcome()
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.message == "the node gripper is being stopped"
    late = send(ActionClient(bench.client, MoveGripper, "move_gripper"), Goals())
    assert late.result.message == "the node gripper is being stopped"


def test_work_that_does_not_end_is_left_behind_and_its_client_told(bench, monkeypatch):
    monkeypatch.setattr(module, "LEAVE_S", 0.1)
    monkeypatch.setattr(bench.action._actions, "unwanted", lambda handle: "")
    bench.action.unwanted = lambda handle: ""
    asked = Aside(lambda: send(owned(bench), Goals()))
    assert bench.begun.wait(WAIT_S)
    assert not bench.action.leave()
    assert "did not end in time; see that the robot stands still" in asked.outcome().result.message
    bench.finish.set()


def test_a_goal_ends_when_the_heart_of_its_client_stops(bench):
    client = owned(bench)
    client.lost = lambda: False  # which it would believe, since it hears nothing either
    asked = Aside(lambda: send(client, Goals(end_timeout_s=WAIT_S)))
    assert bench.begun.wait(WAIT_S)
    bench.hearts[1].close()
    assert "has fallen silent" in asked.outcome().result.message


def test_another_client_is_refused_while_one_owns_the_server():
    with ros() as start:
        server, client = start(Node("gripper"), Node("asker"))
        hearts = [Heartbeats(node) for node in (server, client)]
        group, served = ReentrantCallbackGroup(), []
        actions = Actions(server, hearts[0], "robot")
        actions.serve(MoveGripper, "move_gripper", lambda *_: served.append(1), group)
        mine = ActionClient(client, MoveGripper, "move_gripper", Lease(hearts[1], "robot"))
        foreign = ActionClient(client, MoveGripper, "move_gripper")
        goals = Goals()
        assert send(mine, goals).result.success
        refused = send(foreign, Goals()).result
        assert "robot serves another client" in refused.message and len(served) == 1
        goals.end()
        end = monotonic() + WAIT_S
        while not send(foreign, Goals()).result.success:
            assert monotonic() < end
        for heart in hearts:
            heart.close()
