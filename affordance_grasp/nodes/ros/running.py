"""Running one node as a process: spinning, stopping on a signal, and exit codes."""

import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import NoReturn

import rclpy
from rclpy.action import ActionClient, ActionServer
from rclpy.executors import Executor, ExternalShutdownException, MultiThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from affordance_grasp.errors import AffordanceGraspError, EnvironmentFault
from affordance_grasp.nodes.graph.shared_memory import sweep

RCLError: type[RuntimeError] = rclpy_implementation.RCLError
STOP_TIMEOUT_S, SPIN_S = 2.0, 0.1
PARENT = "AFFORDANCE_GRASP_PARENT"
"""Environment variable: the parent process, with which a node ends (:mod:`graph.processes`)."""
PARENT_PERIOD_S = 1.0


def run(make_node: Callable[[], Node], threads: int = 4) -> None:
    """Make a node, spin it until SIGINT or SIGTERM, end the process.

    The node's ``close()``, where it has one, is called while ROS still works, so that an arm can
    be stopped. Exit code 0 after a signal, 2 or 3 (see errors) when the node could not be made, 1
    when it broke.
    """
    stop = Event()
    try:
        rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
        on_signal(lambda: os._exit(0))  # nothing has started yet, so nothing has to be stopped
        _leave_with_parent()
        node = make_node()
        gc.freeze()  # walking all that is loaded now would hold every thread up
    except AffordanceGraspError as error:
        _refuse(str(error), error.exit_code)
    except RCLError as error:  # such as security that this ROS is not built with, a bad name
        _refuse(f"ROS refuses: {' '.join(str(error).split())}", EnvironmentFault.exit_code)
    # In a thread: the main one may hold the event's lock at the moment of the signal.
    on_signal(lambda: Thread(target=stop.set).start())
    broken = _spin_until(node, stop, threads)
    rclpy.try_shutdown()
    _leave_with_parent()
    end(1 if broken else 0)


def _refuse(sentence: str, code: int) -> NoReturn:
    print(f"{sys.argv[0].rsplit('/', 1)[-1]}: {sentence}", file=sys.stderr)
    rclpy.try_shutdown()
    sys.exit(code)


def end(code: int) -> NoReturn:
    """End the process now that all is closed.

    Taking down torch and DDS object by object takes seconds, and threads of theirs may abort.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def on_signal(act: Callable[[], object]) -> None:
    """Call ``act`` on SIGINT and SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: act())


def spin_until(executor: Executor, closed: Event) -> None:
    """Spin until ``closed``, or until ROS is shut down.

    What is taken off an executor that spins can break it, so it stands still first.
    """
    with suppress(ExternalShutdownException):
        while not closed.is_set() and executor.context.ok():
            executor.spin_once(SPIN_S)


def _orphaned() -> bool:
    """True when this node's parent process has ended."""
    return os.environ.get(PARENT, str(os.getppid())) != str(os.getppid())


def _leave_with_parent() -> None:
    """Where the parent was killed nobody else frees its shared memory; nothing runs here now."""
    if _orphaned():
        sweep(ending=True)
        end(0)


def _spin_until(node: Node, stop: Event, threads: int) -> bool:
    """Spin in a thread until ``stop``; return whether spinning broke."""
    executor = MultiThreadedExecutor(threads)
    executor.add_node(node)
    broken, closed = Event(), Event()

    def spin() -> None:
        try:
            spin_until(executor, closed)
        except AffordanceGraspError as error:
            node.get_logger().fatal(str(error))
            broken.set()
        except Exception:
            broken.set()
            raise
        finally:
            stop.set()

    spinning = Thread(target=spin, name="spin")
    spinning.start()
    while not stop.wait(PARENT_PERIOD_S) and not _orphaned():
        pass
    if hasattr(node, "close"):
        node.close()
    closed.set()
    spinning.join(STOP_TIMEOUT_S)
    executor.shutdown(STOP_TIMEOUT_S)
    for waitable in list(node.waitables):
        if isinstance(waitable, ActionServer | ActionClient):
            waitable.destroy()  # or they keep the node in the graph until its lease ends
    node.destroy_node()
    return broken.is_set()
