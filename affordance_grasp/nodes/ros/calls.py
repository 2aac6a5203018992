"""Topics and services: a time limit on every wait and a sentence for every failure."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from queue import Empty, SimpleQueue
from threading import Event
from time import monotonic
from typing import Any

from rclpy.callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup
from rclpy.client import Client
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, QoSProfile, qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.task import Future
from rclpy.topic_endpoint_info import TopicEndpointInfo

from affordance_grasp.errors import AffordanceGraspError, InvalidInput

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""QoS of topics whose last message late subscribers receive."""
RELIABLE = QoSProfile(depth=10)
OVERRIDDEN = (
    QoSPolicyKind.HISTORY,
    QoSPolicyKind.DEPTH,
    QoSPolicyKind.RELIABILITY,
    QoSPolicyKind.DURABILITY,
)
MANY = QoSProfile(depth=200)
"""Requests that may wait: of the default's 10, a crowd of clients gets no answer at all."""
TF_STATIC = "/tf_static"
TF_STATIC_QOS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
ATTEMPTS, CHECK_S = 2, 0.5
UNNAMED = "_NODE_NAME_UNKNOWN_"  # rmw's word until discovery is complete


def publish_to(node: Node, kind: Any, topic: str, qos: QoSProfile = RELIABLE) -> Publisher:
    """A publisher whose QoS the parameters ``qos_overrides`` may change, as ROS defines them."""
    with _sensible_overrides(node):
        return node.create_publisher(
            kind, topic, copy(qos), qos_overriding_options=QoSOverridingOptions(OVERRIDDEN)
        )


def listen(
    node: Node,
    kind: Any,
    topic: str,
    take: Callable[[Any], None],
    qos: QoSProfile = qos_profile_sensor_data,
    *,
    group: CallbackGroup | None = None,
) -> None:
    """Subscribe in a callback group of its own, so that waiting does not block arrivals.

    Best-effort by default, which suits reliable and best-effort publishers alike; the parameters
    ``qos_overrides`` count as for :func:`publish_to`.
    """
    with _sensible_overrides(node):
        node.create_subscription(
            kind,
            topic,
            take,
            copy(qos),
            callback_group=group or MutuallyExclusiveCallbackGroup(),
            qos_overriding_options=QoSOverridingOptions(OVERRIDDEN),
        )


@contextmanager
def _sensible_overrides(node: Node) -> Iterator[None]:
    """Rclpy refuses an override with an error of its own, which names no remedy."""
    try:
        yield
    except (RuntimeError, InvalidParameterTypeException) as error:
        if "qos" not in str(error).lower():
            raise
        raise InvalidInput(
            f"node {node.get_name()}: {error}; such as reliability: best_effort, durability: "
            "volatile, history: keep_last, depth: 5"
        ) from error


def publishers(node: Node, topic: str) -> list[str]:
    """The full name of the node of each publisher that a topic has now."""
    ends = node.get_publishers_info_by_topic(node.resolve_topic_name(topic))
    return sorted(node_name(end) for end in ends)


def node_name(end: TopicEndpointInfo) -> str:
    """The full name of the node that a publisher or subscription belongs to."""
    if UNNAMED in end.node_name:
        return "a node that has just appeared"
    return f"{end.node_namespace.rstrip('/')}/{end.node_name}"


class NoAnswer(AffordanceGraspError):
    """Another node is absent, or did not answer in time."""


class Refused(AffordanceGraspError):
    """Another node answered with a failure; the message is its own sentence."""


def wait(future: Future, timeout_s: float, what: str) -> Any:
    """The future's result; another thread of the executor must be free to complete it."""
    done = Event()
    future.add_done_callback(lambda _: done.set())
    if not done.wait(timeout_s):
        raise NoAnswer(f"{what} did not answer within {timeout_s:g} s")
    return _result(future, what)


def _result(future: Future, what: str) -> Any:
    error = future.exception()
    if error is not None:
        raise NoAnswer(f"{what} failed: {error}") from error
    return future.result()


def call(
    client: Client,
    request: Any,
    timeout_s: float,
    attempts: int = ATTEMPTS,
    check: Callable[[], None] = lambda: None,
) -> Any:
    """Call a service whose response has ``success`` and ``message``; raise on a failed one.

    A server that has just started may receive a request before discovery lets it answer. So a
    request without an answer is sent again at half of the limit, unless there is to be one attempt
    only: of a service that has answered before and has long to compute.

    Args:
        client: of the service.
        request: what to send.
        timeout_s: how long to wait for the service, and for its answer.
        attempts: how often the request is sent.
        check: called while waiting; raises when the answer is not wanted any more.
    """
    name = f"service {client.srv_name}"
    if not client.wait_for_service(timeout_s):
        raise NoAnswer(f"{name} is not offered by any node; waited {timeout_s:g} s")
    answered: SimpleQueue[Future] = SimpleQueue()
    futures = []
    try:
        for _ in range(attempts):
            futures.append(client.call_async(request))
            futures[-1].add_done_callback(answered.put)
            first = _first(answered, timeout_s / attempts, check)
            if first is not None:
                break
        else:
            raise NoAnswer(f"{name} did not answer within {timeout_s:g} s")
    finally:
        for future in futures:
            client.remove_pending_request(future)
    response = _result(first, name)
    if not response.success:
        raise Refused(response.message)
    return response


def _first(
    answered: SimpleQueue[Future], timeout_s: float, check: Callable[[], None]
) -> Future | None:
    """The first answered one of the equal requests; None when none is in time."""
    deadline = monotonic() + timeout_s
    while (left_s := deadline - monotonic()) > 0:
        with suppress(Empty):
            return answered.get(timeout=min(left_s, CHECK_S))
        check()
    return None


def serve(
    node: Node,
    kind: Any,
    name: str,
    answer: Callable[[Any, Any], None],
    group: CallbackGroup | None = None,
) -> None:
    """Offer a service; ``answer(request, response)`` fills the response or raises why not."""

    def served(request: Any, response: Any) -> Any:
        with answering(node, response):
            answer(request, response)
        return response

    node.create_service(kind, name, served, qos_profile=MANY, callback_group=group)


@contextmanager
def answering(node: Node, response: Any) -> Iterator[None]:
    """Fill ``success`` and ``message`` of a response or action result.

    Any error inside becomes one sentence in the answer, and the node keeps running.
    """
    try:
        yield
    except AffordanceGraspError as error:
        _fail(response, str(error))
        node.get_logger().warning(str(error))
    except Exception as error:
        # A bug of this package: answer so, and log the trace.
        sentence = f"{node.get_name()} failed on this request: {type(error).__name__}: {error}"
        _fail(response, sentence)
        node.get_logger().error(f"{sentence}\n{traceback.format_exc()}")
    else:
        response.success = True


def _fail(response: Any, sentence: str) -> None:
    response.success = False
    response.message = sentence
