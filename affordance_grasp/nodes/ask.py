"""Requests one grasp as soon as the graph is ready, logs its outcome, and ends."""

import sys

from affordance_grasp.errors import AffordanceGraspError
from affordance_grasp.nodes.graph.client import GraspClient
from affordance_grasp.nodes.parameters import AskParameters
from affordance_grasp.nodes.ros.parameters import declare
from affordance_grasp.nodes.ros.running import end


def main() -> None:
    """Run the node: exit code 0 when the object was taken, 1 when not, 2 on bad input.

    0 also after Ctrl-C, which is no failure of anything.
    """
    try:
        with GraspClient("ask") as client:
            code = _ask(client, declare(client.node, AskParameters))
    except AffordanceGraspError as error:
        print(f"ask: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        code = 0
    end(code)


def _ask(client: GraspClient, parameters: AskParameters) -> int:
    logger = client.node.get_logger()
    client.wait_until_ready(
        parameters.ready_timeout_s, simulated=False, executes=parameters.executes
    )
    outcome = client.grasp(
        parameters.query,
        parameters.dry_run,
        lambda stage, detail: None,  # each stage is logged by the node whose it is
    )
    (logger.info if outcome.success else logger.error)(outcome.message)
    return 0 if outcome.success else 1


if __name__ == "__main__":
    main()
