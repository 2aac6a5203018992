"""The package's methods beside plain versions of the released computations, in one process."""

from affordance_grasp.methods.table import METHODS, shipped_methods


def case_names() -> tuple[str, ...]:
    """Every case, in the order in which they run."""
    kinds = ("inference", "queries", "training")
    compared = tuple(f"{method}-{kind}" for method in METHODS for kind in kinds)
    return compared + tuple(f"{method}-frame" for method in shipped_methods())
