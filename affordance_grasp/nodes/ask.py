"""Asks for one grasp as soon as the graph is ready, and tells how it went; then ends."""

import sys
from dataclasses import dataclass

from affordance_grasp.errors import AffordanceGraspError, InvalidInput
from affordance_grasp.nodes.graph.client import GraspClient
from affordance_grasp.nodes.ros.parameters import declare, describe
from affordance_grasp.nodes.ros.running import end


@dataclass(frozen=True)
class AskParameters:
    """Parameters of the node."""

    query: str = describe("hold", "what to do with the object")
    dry_run: bool = describe(False, "decide and show, but move nothing")
    executes: bool = describe(True, "wait for a controller too; false where none belongs here")
    ready_timeout_s: float = describe(120.0, "how long to wait for the other nodes [s]")

    def __post_init__(self) -> None:
        """Refuse an empty query."""
        if not self.query.strip() or not self.ready_timeout_s > 0:
            raise InvalidInput("ask: query must not be empty and ready_timeout_s must be > 0")


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
        lambda stage, detail: logger.info(f"{stage} {detail}".rstrip()),
    )
    (logger.info if outcome.success else logger.error)(outcome.message)
    return 0 if outcome.success else 1


if __name__ == "__main__":
    main()
