"""The methods beside plain versions of what each released code computes, timed in one process.

A tool of the source checkout, no part of the installed package.
"""

from affordance_grasp.methods.table import METHODS, shipped_methods

GROWTH = ("size", "candidates", "instances")
"""With what the time of the whole chain is to grow."""


def case_names() -> tuple[str, ...]:
    """Every case, in the order in which they run."""
    kinds = ("inference", "queries", "training")
    compared = tuple(f"{method}-{kind}" for method in METHODS for kind in kinds)
    frames = tuple(f"{method}-frame" for method in shipped_methods())
    chain = tuple(f"chain-{kind}" for kind in GROWTH)
    return (*compared, *frames, *chain, "looptrans-loading")
