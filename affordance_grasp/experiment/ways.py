"""The ways in which an experiment has grasps chosen."""

from affordance_grasp.rules import RULES

WITHOUT_AFFORDANCE, EXACT = "quality", "exact"
WAYS = (*RULES, EXACT)
"""A rule, or by bands of the exact mask of the part, the upper bound."""


def asks_a_method(way: str) -> bool:
    """Whether it needs the heatmap of a method."""
    return way != EXACT and RULES[way].needs_heat
