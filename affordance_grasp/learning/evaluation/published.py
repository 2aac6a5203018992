"""Published figures on AGD20K, to stand beside measured ones: (KLD, SIM, NSS) per split."""

from affordance_grasp.methods.method import find_method
from affordance_grasp.methods.recipe import find_recipe
from affordance_grasp.methods.table import METHODS

OTHERS: dict[str, dict[str, tuple[float, float, float]]] = {
    "Seen": {
        "Hotspots": (1.773, 0.278, 0.615),
        "Cross-View-AG": (1.538, 0.334, 0.927),
        "Cross-View-AG+": (1.489, 0.342, 0.981),
        "AffCorrs (adapted)": (1.407, 0.359, 1.026),
        "WSMA": (1.176, 0.416, 1.247),
        "INTRA": (1.199, 0.407, 1.239),
        "Strategies": (1.194, 0.400, 1.223),
        "WorldAfford": (1.201, 0.406, 1.255),
        "AffordanceCLIP (zero-shot)": (1.628, 0.335, 0.791),
        "OVAL-Prompt (zero-shot)": (10.649, 0.339, 1.044),
        "OOAL (one-shot supervised)": (0.740, 0.577, 1.745),
    },
    "Unseen": {
        "Hotspots": (1.994, 0.237, 0.577),
        "Cross-View-AG": (1.787, 0.285, 0.829),
        "Cross-View-AG+": (1.765, 0.279, 0.882),
        "AffCorrs (adapted)": (1.618, 0.348, 1.021),
        "WSMA": (1.335, 0.382, 1.220),
        "INTRA": (1.365, 0.375, 1.209),
        "Strategies": (1.407, 0.362, 1.170),
        "WorldAfford": (1.393, 0.380, 1.225),
        "AffordanceCLIP (zero-shot)": (1.812, 0.301, 0.760),
        "OVAL-Prompt (zero-shot)": (8.832, 0.365, 0.925),
        "AffordanceLLM (supervised)": (1.463, 0.377, 1.070),
        "OOAL (one-shot supervised)": (1.070, 0.461, 1.503),
    },
    "Hard": {
        "Cross-View-AG": (2.092, 0.209, 0.138),
        "Cross-View-AG+": (2.034, 0.218, 0.342),
        "AffordanceLLM (supervised)": (1.661, 0.361, 0.947),
    },
}


def published(split: str) -> dict[str, tuple[float, float, float]]:
    """The figures of a split, ours among them, from the highest KLD to the lowest."""
    ours = {find_method(n).title: find_recipe(n).published.get(split) for n in METHODS}
    rows = {**OTHERS.get(split, {}), **{n: row for n, row in ours.items() if row is not None}}
    return dict(sorted(rows.items(), key=lambda row: -row[1][0]))
