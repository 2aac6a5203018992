"""LOCATE's losses one by one; its paper has no such table."""

from affordance_grasp.methods.ablation import Row

ROWS = {
    "CE": Row("classification only", {"prototype_weight": 0.0, "concentration_weight": 0.0}),
    "compact": Row("and compact maps", {"prototype_weight": 0.0}),
    "all": Row("and the part's prototype: the full method"),
}
