"""ROS nodes that spin in the background of a test, and stop before they are taken apart."""

from contextlib import contextmanager
from threading import Event, Thread

import rclpy
from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.node import Node

from affordance_grasp.nodes.graph.processes import isolate


@contextmanager
def ros(*parameters):
    """ROS on a domain of its own, with parameters for every node, such as ``views:=2``.

    Yields a function that sets nodes spinning.
    """
    given = [word for parameter in parameters for word in ("-p", parameter)]
    rclpy.init(args=["--ros-args", *given] if given else [], domain_id=isolate())
    executor, stop, threads = MultiThreadedExecutor(6), Event(), []

    def spin():
        while not stop.is_set():
            executor.spin_once(0.05)

    def start(*nodes):
        for node in nodes:
            executor.add_node(node)
        if not threads:
            threads.append(Thread(target=spin))
            threads[0].start()
        return nodes

    try:
        yield start
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
        executor.shutdown(5.0)
        for node in executor.get_nodes():
            node.destroy_node()
        rclpy.try_shutdown()


@contextmanager
def onlooker(context):
    """A node of its own beside others of a running ``context``.

    What is taken off a node that spins in another thread can break its executor; this one stands
    still before it is taken apart.
    """
    node, stop = Node("onlooker", context=context), Event()
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def spin():
        while not stop.is_set():
            executor.spin_once(0.05)

    thread = Thread(target=spin)
    thread.start()
    try:
        yield node
    finally:
        stop.set()
        thread.join(10)
        executor.shutdown(5.0)
        node.destroy_node()
